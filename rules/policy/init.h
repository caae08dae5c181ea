// The first rule set of a network: from nothing, or a draft from what a scan or a capture saw.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/net/address.h"
#include "rules/net/port.h"
#include "rules/net/prefix.h"
#include "rules/net/protocol.h"
#include "rules/net/time.h"

namespace demarc {

/// Something that answered, whoever saw it: an open port of an nmap scan or of a journal, the responder of a
/// conversation.
struct ObservedService {
  Address host;
  std::string host_name;  // what the evidence calls it; may be empty
  Protocol protocol;      // TCP or UDP; others are left out
  Port port;
  std::string service_name;         // "https", as the evidence says; may be empty and is not trusted
  std::optional<Address> asked_by;  // who got the answer: the scanner, the initiator; none: not known
};

struct InitOptions {
  std::string name = "my-dmz";  // of the rule set
  Date today{std::chrono::year{2026}, std::chrono::month{1},
             std::chrono::day{1}};    // given by the caller: nothing here reads a clock
  std::vector<std::string> evidence;  // file names, for the comment that says where the draft comes from
};

/// A commented rule set that read_rule_set() takes without an error. Without services it is a small worked example
/// on documentation addresses. With services it is a draft: every address becomes a host, what answered becomes
/// `proposed` rules, which approve nothing until somebody does, and the scope stays empty.
std::string initial_rule_set(const std::vector<ObservedService>& services, const InitOptions& options);

}  // namespace demarc
