// Who opened a conversation, as far as its own packets tell; and whether a packet belongs to the conversation that
// has its ports, or begins another one.
#pragma once

#include "scanner/passive/conversation.h"

namespace demarc {

/// The other end was the initiator after all.
void swap_ends(Conversation& c, ConversationDetail& d);

/// Whether this SYN or SYN-ACK of end `from` is another conversation that uses the ports of `c` again.
bool begins_anew(const Conversation& c, const ConversationDetail& d, std::int64_t at, int from,
                 const PacketDigest& packet);

/// SYN: its sender opened. SYN-ACK: its receiver did. Two SYNs: both, so that neither is certain. To be told of
/// every segment with a SYN and of the first segments of each end; `from` changes where the ends do.
void learn_from_handshake(Conversation& c, ConversationDetail& d, int& from, const PacketDigest& packet);

/// Zeek's state, for every protocol.
ConnState state_of(const Conversation& c);
/// Both sides took part. Where only one side of the road was in view, what it acknowledges proves the other.
bool took_part(const Conversation& c);
/// Answers (SYN-ACK, RST) of one side alone, to what nobody here asked: where somebody forged our address. They
/// show no conversation, and do not make who got them its initiator.
bool is_backscatter(const Conversation& c);

}  // namespace demarc
