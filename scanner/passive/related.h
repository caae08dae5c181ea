// Conversations that others announced. An FTP server that says "227 ... port 50123" allows its client one data
// conversation with that port, and nobody anything else. So what is announced waits here: who may talk with which
// endpoint, how often and how long. A forged announcement must approve nothing that its protocol would not:
//
//   by          announced by    whose endpoint       who may talk with it       how often       how long
//   ftp         either side     its own              the other side             once            5 min
//   msrpc       server          its own              the client that asked      while in use    2 h since the last
//   portmapper  server          its own              the client that asked      while in use    2 h since the last
//   tftp        client          its own              the server, any port       once            2 min
//   sip         either side     anybody's (media     the other side, and what   while in use    2 h since the last
//                               servers)             it announced
//
// A port below 1024 is never announced, and none of them talks from one but FTP's server from 20. Time is what the
// packets say. The table is bounded: expired entries go first, then the one of a few that would end soonest.
#pragma once

#include <cstdint>
#include <vector>

#include "rules/evidence/observed_flow.h"
#include "rules/net/flow.h"
#include "rules/net/time.h"
#include "scanner/passive/hash_index.h"

namespace demarc {

/// A conversation that may come.
struct ExpectedConversation {
  Protocol protocol;
  Endpoint at;                // the announced endpoint
  Address peer;               // who may talk with it
  bool either_opens = false;  // the announced end may speak first as well
  bool once = false;          // one conversation; otherwise each one renews it
  bool low_source = false;    // the peer may use any port; otherwise 20 and 1024 up
  std::uint32_t parent = kNone32;
  std::chrono::seconds life{0};  // from the announcement, or from the latest conversation
};

class Related {
 public:
  Related(std::uint32_t entries_max, std::uint64_t hash_key);

  enum class Taken : std::uint8_t { yes, refused };  // refused: a port that nobody may announce
  /// The same endpoint and peer again: the later announcement counts.
  Taken expect(const ExpectedConversation& expected, Timestamp at);
  /// The parent of a conversation that begins now, or kNone32.
  std::uint32_t parent_of(Protocol protocol, const Endpoint& initiator, const Endpoint& responder, Timestamp at);

  std::size_t size() const { return index_.size(); }
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Entry {
    ExpectedConversation expected;
    Timestamp ends;
    bool used = false;   // the place is
    bool taken = false;  // once, by whoever came from that port; another sensor may show the same conversation
    Port taken_by{};
  };
  static constexpr std::size_t slot(Protocol protocol) { return protocol == Protocol::tcp ? 0 : 1; }
  std::uint32_t hash(Protocol protocol, const Endpoint& at, const Address& peer) const;
  std::uint32_t find(Protocol protocol, const Endpoint& at, const Address& peer, std::uint32_t hashed) const;
  void erase(std::uint32_t number);
  std::uint32_t place(Timestamp at);

  std::uint32_t entries_max_;
  KeyedHash hash_;
  HashIndex index_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  /// How many entries wait at each port: the answer for nearly every conversation, from one look.
  std::vector<std::uint32_t> at_port_[2];
  std::uint32_t sweep_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace demarc
