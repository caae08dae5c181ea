#include "rules/acl/readers/junos_tokens.h"

#include <algorithm>

namespace demarc::junos {

bool next_token(std::string_view line, std::size_t& at, Token& out) {
  while (at < line.size() && is_blank(line[at])) ++at;
  if (at >= line.size() || line[at] == '#') return false;
  out = {};
  if (line[at] == '"') {
    const std::size_t begin = ++at;
    while (at < line.size() && line[at] != '"') at += line[at] == '\\' ? 2 : 1;
    at = std::min(at, line.size());
    out = {line.substr(begin, at - begin), true};
    at = std::min(at + 1, line.size());
    return true;
  }
  const std::size_t begin = at;
  constexpr std::string_view kSigns = "{};[]";
  if (kSigns.find(line[at]) != std::string_view::npos) {
    out.word = line.substr(at++, 1);
    return true;
  }
  if (line[at] == '<') {  // a group's pattern: "<ge-[01]/*>"
    while (at < line.size() && line[at] != '>' && !is_blank(line[at])) ++at;
    if (at < line.size() && line[at] == '>') ++at;
  }
  while (at < line.size() && !is_blank(line[at]) && kSigns.find(line[at]) == std::string_view::npos) ++at;
  out.word = line.substr(begin, at - begin);
  return true;
}

}  // namespace demarc::junos
