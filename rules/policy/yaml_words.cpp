#include "rules/policy/yaml_words.h"

#include <set>

namespace demarc {

std::string yaml_name(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain)
      out += c;
    else if (!out.empty() && out.back() != '-')
      out += '-';
    if (out.size() >= 60) break;
  }
  while (out.ends_with('-')) out.pop_back();
  // Not what YAML or the reader would take for something else.
  bool starts_well = !out.empty() && ((out[0] >= 'a' && out[0] <= 'z') || (out[0] >= 'A' && out[0] <= 'Z'));
  static const std::set<std::string> kWords = {"null", "Null", "NULL", "true", "false",
                                               "yes",  "no",   "on",   "off",  "none"};
  if (kWords.contains(out)) return "x-" + out;
  return starts_well || out.empty() ? out : "x-" + out;
}

std::string yaml_quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    unsigned char byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    out += byte < 0x20 || byte >= 0x7F ? '?' : c;
  }
  return out + '"';
}

std::string yaml_comment(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, 200))
    out += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F ? '?' : c;
  return out;
}

std::string yaml_address(const Address& address) {
  return address.is_ipv4() ? to_string(address) : yaml_quoted(to_string(address));
}
std::string yaml_prefix(const Prefix& prefix) {
  return prefix.family() == Family::ipv4 ? to_string(prefix) : yaml_quoted(to_string(prefix));
}

Prefix guessed_network(const Address& address) { return Prefix::containing(address, address.is_ipv4() ? 24 : 64); }

}  // namespace demarc
