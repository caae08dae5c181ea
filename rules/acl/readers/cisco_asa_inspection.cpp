// Class-maps and policy-maps: what is inspected, and so what of it comes back by itself.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/cisco_asa_reader.h"

namespace demarc {

void AsaReader::begin_class(Cursor& in) {
  block_ = Block::other;
  if (in.peek() == "type") return mark(Understanding::not_filtering);  // what inspections look for in the content
  block_ = Block::class_map;
  class_ = LineLedger::bounded(in.word());
  mark(Understanding::understood);
}

void AsaReader::class_line(Cursor& in) {
  Cursor again = in;
  remember_use(again);
  const std::string_view first = in.word(), what = in.word();
  if (first == "match" && (what == "default-inspection-traffic" || what == "any")) whole_classes_.insert(class_);
  mark(Understanding::understood);
}

void AsaReader::begin_policy(Cursor& in) {
  class_.clear();
  if (in.peek() == "type") {
    block_ = Block::inspect_policy;
    return mark(Understanding::understood);
  }
  block_ = Block::policy;
  policy_ = LineLedger::bounded(in.word());
  mark(Understanding::understood);
}

void AsaReader::policy_line(Cursor& in) {
  const std::string_view first = in.word(), what = in.word();
  if (first == "class") {
    class_ = LineLedger::bounded(what);
    if (class_ == "class-default") whole_classes_.insert(class_);
  } else if (first == "inspect" && what == "icmp") {
    (in.peek() == "error" ? icmp_errors_ : icmp_).insert({policy_, class_});
  } else if (first == "set" && what == "connection") {
    const std::string_view rest = in.rest();
    if (rest.find("tcp-state-bypass") != std::string_view::npos)
      return mark(Understanding::in_part, "replies to what the class matches are not implied");
    if (rest.find("-max") != std::string_view::npos)
      return mark(Understanding::in_part, "it drops what goes beyond a number of connections");
  } else if (first == "drop" || first == "police" || first == "ips" || first == "cxsc" || first == "sfr") {
    return mark(Understanding::in_part, fmt::format("{}: it may drop what the lists permit", first));
  }
  mark(Understanding::understood);  // what inspections open belongs to conversations that are permitted
}

void AsaReader::inspect_policy_line(Cursor& in) {
  for (std::string_view word = in.word(); !word.empty(); word = in.word())
    if (word.starts_with("drop") || word == "reset" || word == "mask")
      return mark(Understanding::in_part, "the inspection drops by content");
  mark(Understanding::not_filtering);
}

void AsaReader::apply_inspection() {
  const auto everywhere = [this](const std::set<std::pair<std::string, std::string>>& inspected) {
    return std::any_of(inspected.begin(), inspected.end(), [this](const auto& where) {
      return global_policies_.contains(where.first) && whole_classes_.contains(where.second);
    });
  };
  device_.icmp_replies_implied = everywhere(icmp_);
  device_.icmp_errors_implied = everywhere(icmp_errors_);
}

}  // namespace demarc
