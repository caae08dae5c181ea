// Configurations and questions about them as JSON (design.md section 6).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/decide.h"
#include "rules/verdict/anomalies.h"
#include "rules/verdict/compare.h"

namespace demarc {

/// A device and what is wrong with it.
struct CheckedDevice {
  const Device* device = nullptr;
  const DeviceReport* report = nullptr;
};
std::string acl_check_json(std::span<const CheckedDevice> devices);
/// JSON Schema of it, draft-07.
std::string_view acl_json_schema();

/// The interface or list that a person names, interfaces also by a short name ("Gi0/0"). The error has a
/// suggestion.
Result<InterfaceId> interface_named(const Device& device, std::string_view wanted);
Result<ListIndex> list_named(const Device& device, std::string_view wanted);

/// A question of `acl test`: names are those of the device, and are looked up by resolve().
struct PacketWords {
  std::string list, hook, in, out;  // hook: forward (default), local-in, local-out
  std::string source, destination, protocol;
  std::optional<std::uint16_t> source_port = {}, port = {};
  std::optional<std::uint8_t> icmp_type = {}, icmp_code = {};
  std::string tcp_flags, state;  // "S", "SA"; new, established, related, invalid
  std::string fragment = {};     // whole, first, middle, last; of a packet with a port or type: whole
};
/// One line of JSON Lines. Unknown fields are ignored.
Result<PacketWords> parse_packet_words(std::string_view json);
/// The words as a question to this device. The error names the word.
Result<PacketQuestion> resolve(const PacketWords& words, const Device& device);
/// {"action":"permit","list":...,"line":...,"text":...,"why":...}
std::string acl_answer_json(const Device& device, const FilterDecision& decision);

std::string acl_diff_json(const Device& before, const Device& after, const Comparison& comparison);
std::string acl_search_json(const Device& device, Fate fate, const SearchResult& result);

}  // namespace demarc
