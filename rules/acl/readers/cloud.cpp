#include "rules/acl/readers/cloud.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "rules/acl/readers/line_ledger.h"

namespace demarc::cloud {

std::optional<Prefix> parse_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<Address> base = parse_address(text.substr(0, slash));
  if (!base) return std::nullopt;
  if (slash == std::string_view::npos) return Prefix::host(*base);
  unsigned length = 0;
  const std::string_view digits = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() ||
      length > bits(base->family()))
    return std::nullopt;
  return Prefix::containing(*base, length);
}

std::string_view last_segment(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

const AddressSet& private_space() {
  static const AddressSet kPrivate = [] {
    std::vector<Prefix> prefixes;
    for (const char* text : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
                             "fc00::/7", "fe80::/10"})
      prefixes.push_back(*parse_cidr(text));
    return AddressSet::of(prefixes);
  }();
  return kPrivate;
}

Builder::Builder(const Source& source, Dialect dialect) : source_(source) {
  device.file = device.name = source.name();
  device.dialect = dialect;
  Interface outside;
  outside.name = std::string(kOutside);
  device.interfaces.push_back(std::move(outside));
}

void Builder::account(JsonValue what, Understanding understanding, std::string why) {
  switch (understanding) {
    case Understanding::understood: ++device.coverage.understood; return;
    case Understanding::not_filtering: ++device.coverage.not_filtering; return;
    case Understanding::in_part: ++device.coverage.in_part; break;
    case Understanding::not_understood: ++device.coverage.not_understood; break;
  }
  if (device.lines.size() < Device::kLineReportsMax)
    device.lines.push_back({what.line(), understanding, what.written(), std::move(why)});
}

void Builder::not_understood(JsonValue what, std::string why, std::string hint) {
  device.diagnostics.warning(what.where(), why, std::move(hint));
  account(what, Understanding::not_understood, std::move(why));
}

void Builder::note(std::string what, std::string hint) {
  device.diagnostics.add(DiagnosticLevel::note,
                         Error{Location{.file = source_.name()}, std::move(what), std::move(hint)});
}

std::optional<InterfaceId> Builder::add_interface(Interface interface) {
  device.interfaces.push_back(std::move(interface));
  if (device.interfaces.size() > kInterfacesMax) return std::nullopt;
  return static_cast<InterfaceId>(device.interfaces.size() - 1);
}

std::vector<InterfaceId> Builder::all_but(const std::vector<InterfaceId>& these) const {
  ByteSet without;
  for (const InterfaceId id : these) without.insert(id);
  std::vector<InterfaceId> rest;
  for (std::size_t i = 0; i < device.interfaces.size() && i < kInterfacesMax; ++i)
    if (!without.contains(static_cast<std::uint8_t>(i))) rest.push_back(static_cast<InterfaceId>(i));
  return rest;
}

ListIndex Builder::add_list(std::string name, std::uint32_t line, Fallthrough at_end) {
  List list;
  list.name = std::move(name);
  list.line = line;
  list.at_end = at_end;
  device.lists.push_back(std::move(list));
  return static_cast<ListIndex>(device.lists.size() - 1);
}

ListIndex Builder::one_of(std::string name, const std::vector<ListIndex>& lists, const std::string& why) {
  const ListIndex index = add_list(std::move(name), 0, Fallthrough::permit);
  for (const ListIndex called : lists) {
    Entry e = implied(Action::jump, device.lists[called].name, {});
    e.line = e.line_last = device.lists[called].line;
    e.target = called;
    // If it is none of the others, it is the last.
    if (called != lists.back()) {
      e.maybe = std::move(e.match);
      e.match.clear();
      e.undecided = why;
    }
    device.lists[index].entries.push_back(std::move(e));
  }
  return index;
}

ListIndex Builder::unknown(std::string name, std::uint32_t line, const std::string& why) {
  const ListIndex index = add_list(std::move(name), line, Fallthrough::give_back);
  Entry e = implied(Action::unknown, device.lists[index].name, {});
  e.line = e.line_last = line;
  e.maybe = std::move(e.match);
  e.match.clear();
  e.undecided = why;
  device.lists[index].entries.push_back(std::move(e));
  return index;
}

void Builder::add_perhaps(Stage stage, const std::string& why) {
  const ListIndex index = add_list(fmt::format("{}, perhaps", stage.name), stage.line, Fallthrough::permit);
  for (const ListIndex called : stage.lists) {
    Entry e = implied(Action::jump, stage.name, {});
    e.line = e.line_last = stage.line;
    e.target = called;
    e.maybe = std::move(e.match);
    e.match.clear();
    e.undecided = why;
    device.lists[index].entries.push_back(std::move(e));
  }
  stage.lists = {index};
  stage.ingress.clear();
  stage.egress.clear();
  device.stages.push_back(std::move(stage));
}

void Builder::add_replies(ListIndex index, std::string_view text) {
  Box box;
  box.states = {ConnectionState::established, ConnectionState::related};
  std::vector<Entry>& entries = device.lists[index].entries;
  entries.insert(entries.begin(), implied(Action::permit, std::string(text), box));
}

bool Builder::afford(std::size_t ranges) {
  if (ranges_ + ranges > kRangesMax) return false;
  ranges_ += ranges;
  return true;
}

Result<Device> Builder::finish(const JsonTree& tree) {
  for (const Diagnostic& d : tree.diagnostics().all()) device.diagnostics.add(d.level, d.error);
  std::stable_sort(device.stages.begin(), device.stages.end(),
                   [](const Stage& a, const Stage& b) { return a.priority < b.priority; });
  if (device.interfaces.size() > kInterfacesMax)
    note(fmt::format(
        "only {} attachments can be told apart; what filters the others is taken for possible everywhere",
        kInterfacesMax));
  return std::move(device);
}

Entry entry(JsonValue at, Action action, std::string text, std::string remark) {
  Entry e;
  e.line = at.line();
  e.line_last = at.line_last();
  e.text = LineLedger::bounded(text);
  e.remark = LineLedger::bounded(remark);
  e.action = action;
  return e;
}

Entry implied(Action action, std::string text, Box box) {
  Entry e;
  e.text = std::move(text);
  e.action = action;
  e.match.push_back({std::move(box)});
  return e;
}

bool is_json(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

bool has_key(std::string_view text, std::string_view key) {
  const std::string quoted = fmt::format("\"{}\"", key);
  for (std::size_t at = text.find(quoted); at != std::string_view::npos; at = text.find(quoted, at + 1)) {
    const std::size_t behind = text.find_first_not_of(" \t\r\n", at + quoted.size());
    if (behind != std::string_view::npos && text[behind] == ':') return true;
  }
  return false;
}

}  // namespace demarc::cloud
