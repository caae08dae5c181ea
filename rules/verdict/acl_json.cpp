#include "rules/verdict/acl_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include <boost/json.hpp>

#include "rules/text/json_writer.h"
#include "rules/text/suggest.h"
#include "rules/verdict/binding.h"

namespace demarc {

namespace {

constexpr std::size_t kLineMax = 64U << 10;

void write_by(JsonWriter& json, const Device& device, const DecidingLine& by) {
  if (by.list == kNoList) return;
  const List& list = device.lists[by.list];
  json.field("list", list.name);
  if (!by.entry) {
    if (list.at_end_line != 0) json.field("line", list.at_end_line);
    return;
  }
  const Entry& e = list.entries[*by.entry];
  if (e.line != 0) json.field("line", e.line);
  json.field("text", e.text);
}

void write_boxes(JsonWriter& json, const Cover& cover) {
  json.key("boxes").begin_array();
  for (const Box& box : cover.boxes) json.value(to_string(box));
  json.end_array();
  if (!cover.complete()) json.field("left_out", describe(cover.left_out));
}

Result<std::uint8_t> parse_flags(std::string_view text) {
  constexpr std::string_view kLetters = "FSRPAUEC";  // as tcpdump and nmap write them, from bit 0 on
  std::uint8_t flags = 0;
  for (const char c : text) {
    const std::size_t bit = kLetters.find(c);
    if (bit == std::string_view::npos)
      return failure(fmt::format("'{}' are no TCP flags", text), "letters of FSRPAUEC: S, SA, FA");
    flags = static_cast<std::uint8_t>(flags | (1U << bit));
  }
  return flags;
}

}  // namespace

Result<InterfaceId> interface_named(const Device& device, std::string_view wanted) {
  if (const std::optional<InterfaceId> id = find_interface(device, wanted)) return *id;
  std::vector<std::string> names;
  for (const Interface& i : device.interfaces) names.push_back(i.name);
  std::string hint = suggest(wanted, names);
  if (hint.empty()) hint = names.empty() ? "it has none" : fmt::format("it has {}", fmt::join(names, ", "));
  return failure(fmt::format("{} has no interface '{}'", device.name, wanted), hint);
}

Result<ListIndex> list_named(const Device& device, std::string_view wanted) {
  if (const ListIndex list = device.find_list(wanted); list != kNoList) return list;
  std::vector<std::string> names;
  for (const List& l : device.lists) names.push_back(l.name);
  const std::string hint = suggest(wanted, names);
  return failure(fmt::format("{} has no list '{}'", device.name, wanted),
                 hint.empty() ? "'demarc acl check' shows its lists" : hint);
}

std::string acl_check_json(std::span<const CheckedDevice> devices) {
  JsonWriter json(JsonWriter::Style::indented);
  json.begin_object().field("demarc", "acl").field("version", 1).key("devices").begin_array();
  for (const CheckedDevice& checked : devices) {
    const Device& d = *checked.device;
    json.begin_object().field("name", d.name).field("file", d.file).field("dialect", name(d.dialect));
    json.key("lines")
        .begin_object()
        .field("understood", d.coverage.understood)
        .field("in_part", d.coverage.in_part)
        .field("not_filtering", d.coverage.not_filtering)
        .field("not_understood", d.coverage.not_understood)
        .end_object();
    json.key("unread").begin_array();
    for (const LineReport& line : d.lines)
      json.begin_object()
          .field("line", line.line)
          .field("state", line.understanding == Understanding::in_part ? "in-part" : "not-understood")
          .field("text", line.text)
          .field("why", line.why)
          .end_object();
    json.end_array();
    json.key("lists").begin_array();
    for (const ListReport& list : checked.report->lists) {
      const List& l = d.lists[list.list];
      json.begin_object()
          .field("name", l.name)
          .field("line", l.line)
          .field("defined", l.defined)
          .field("bound", list.bound);
      json.field("decided", list.decided).key("entries").begin_array();
      for (const EntryReport& r : list.entries) {
        const Entry& e = l.entries[r.entry.entry];
        json.begin_object().field("line", e.line).field("text", e.text).field("status", name(r.status));
        if (!r.by.empty()) {
          json.key("by").begin_array();
          for (const EntryRef& by : r.by) json.value(d.lists[by.list].entries[by.entry].line);
          json.end_array();
          if (r.by.front().list != list.list) json.field("by_list", d.lists[r.by.front().list].name);
        }
        if (r.by_more) json.field("by_more", true);
        if (r.otherwise) json.field("otherwise", true);
        if (r.duplicate) json.field("duplicate", true);
        if (r.answer_only) json.field("answer_only", true);
        if (r.matches_nothing) json.field("matches_nothing", true);
        if (r.but_later_fragments) json.field("but_later_fragments", true);
        if (!e.undecided.empty()) json.field("undecided", e.undecided);
        if (e.packets) json.field("packets", *e.packets);
        if (r.sample) json.field("sample", to_string(r.sample->packet));
        json.end_object();
      }
      json.end_array().key("conflicts").begin_array();
      for (const EntryConflict& c : list.conflicts) {
        json.begin_object()
            .field("first", l.entries[c.first.entry].line)
            .field("second", l.entries[c.second.entry].line);
        if (c.sample) json.field("sample", to_string(c.sample->packet));
        json.end_object();
      }
      json.end_array();
      if (list.conflicts_left_out != 0) json.field("conflicts_left_out", list.conflicts_left_out);
      json.end_object();
    }
    json.end_array().key("unused").begin_array();
    for (const std::uint32_t o : checked.report->unused_objects)
      json.begin_object()
          .field("name", d.objects[o].name)
          .field("kind", d.objects[o].kind)
          .field("line", d.objects[o].line)
          .end_object();
    json.end_array().end_object();
  }
  json.end_array().end_object();
  return json.take() + '\n';
}

Result<PacketWords> parse_packet_words(std::string_view text) {
  if (text.size() > kLineMax) return failure("the line is too long for a packet");
  boost::system::error_code problem;
  const boost::json::value document =
      boost::json::parse(boost::json::string_view(text.data(), text.size()), problem);
  if (problem || !document.is_object())
    return failure("this is no JSON object",
                   "a packet is written {\"source\":\"198.51.100.7\",\"destination\":...}");
  const boost::json::object& object = document.as_object();
  PacketWords words;
  for (auto [key, field] :
       {std::pair{"list", &words.list}, std::pair{"hook", &words.hook}, std::pair{"in", &words.in},
        std::pair{"out", &words.out}, std::pair{"source", &words.source},
        std::pair{"destination", &words.destination}, std::pair{"protocol", &words.protocol},
        std::pair{"tcp_flags", &words.tcp_flags}, std::pair{"state", &words.state},
        std::pair{"fragment", &words.fragment}}) {
    const boost::json::value* v = object.if_contains(key);
    if (v == nullptr || v->is_null()) continue;
    if (!v->is_string()) return failure(fmt::format("'{}' is a text", key));
    *field = std::string(v->as_string().data(), v->as_string().size());
  }
  const auto number = [&object](const char* key, std::uint64_t most) -> Result<std::optional<std::uint64_t>> {
    const boost::json::value* v = object.if_contains(key);
    if (v == nullptr || v->is_null()) return std::optional<std::uint64_t>();
    if (!v->is_int64() || v->as_int64() < 0 || static_cast<std::uint64_t>(v->as_int64()) > most)
      return failure(fmt::format("'{}' is a number from 0 to {}", key, most));
    return static_cast<std::uint64_t>(v->as_int64());
  };
  const std::optional<std::uint64_t> source_port = DEMARC_TRY(number("source_port", 65535));
  const std::optional<std::uint64_t> port = DEMARC_TRY(number("port", 65535));
  const std::optional<std::uint64_t> type = DEMARC_TRY(number("icmp_type", 255));
  const std::optional<std::uint64_t> code = DEMARC_TRY(number("icmp_code", 255));
  if (source_port) words.source_port = static_cast<std::uint16_t>(*source_port);
  if (port) words.port = static_cast<std::uint16_t>(*port);
  if (type) words.icmp_type = static_cast<std::uint8_t>(*type);
  if (code) words.icmp_code = static_cast<std::uint8_t>(*code);
  return words;
}

Result<PacketQuestion> resolve(const PacketWords& words, const Device& device) {
  PacketQuestion q;
  Box& box = q.packets;
  if (!words.list.empty()) {
    q.list = DEMARC_TRY(list_named(device, words.list));
    box.family = device.lists[q.list].family;
  }
  if (!words.hook.empty()) {
    bool known = false;
    for (const Way way : {Way::through, Way::to_device, Way::from_device})
      if (words.hook == name(way)) q.way = way, known = true;
    if (!known) return failure(fmt::format("'{}' is no hook", words.hook), "forward, local-in or local-out");
  }
  for (auto [text, set] :
       {std::pair{&words.source, &box.sources}, std::pair{&words.destination, &box.destinations}}) {
    if (text->empty()) continue;
    const Result<Prefix> prefix = parse_prefix(*text);
    if (!prefix) return failure(fmt::format("'{}': {}", *text, prefix.error().what), prefix.error().hint);
    if (box.family && words.list.empty() && *box.family != prefix->family())
      return failure("source and destination are of different families");
    box.family = prefix->family();
    *set = AddressSet{*prefix};
  }
  if (!words.protocol.empty()) {
    const std::optional<Protocol> protocol = parse_protocol(words.protocol);
    if (!protocol)
      return failure(fmt::format("'{}' is no protocol", words.protocol), "tcp, udp, icmp, esp, or a number");
    box.protocols = {*protocol};
    if (protocol->is_icmp() && !box.family) box.family = *protocol == Protocol::icmp ? Family::ipv4 : Family::ipv6;
  }
  if (words.port) box.ports = PortSet::single(Port(*words.port));
  if (words.source_port) box.source_ports = PortSet::single(Port(*words.source_port));
  if (words.icmp_type) {
    IcmpType t{*words.icmp_type, {}};
    if (words.icmp_code) t.code = *words.icmp_code;
    box.icmp = {t};
  }
  if (!words.tcp_flags.empty()) {
    const std::uint8_t flags = DEMARC_TRY(parse_flags(words.tcp_flags));
    box.flags = ByteSet{flags};
  }
  if (!words.state.empty()) {
    if (words.state == "new")
      box.states = {ConnectionState::fresh};
    else if (words.state == "established")
      box.states = {ConnectionState::established};
    else if (words.state == "related")
      box.states = {ConnectionState::related};
    else if (words.state == "invalid")
      box.states = {ConnectionState::invalid};
    else
      return failure(fmt::format("'{}' is no connection state", words.state),
                     "new, established, related or invalid");
  }
  // A question about a packet is about a whole one; fragments are asked for by nobody who means a port.
  if (words.port || words.source_port || words.icmp_type || !words.tcp_flags.empty())
    box.fragments = {Fragment::whole};
  if (!words.fragment.empty()) {
    constexpr std::string_view kNames[] = {"whole", "first", "last", "middle"};
    const auto named = std::find(std::begin(kNames), std::end(kNames), words.fragment);
    if (named == std::end(kNames))
      return failure(fmt::format("'{}' is no part of a datagram", words.fragment), "whole, first, middle or last");
    box.fragments = {static_cast<Fragment>(named - std::begin(kNames))};
  }
  if (!words.in.empty()) {
    const InterfaceId id = DEMARC_TRY(interface_named(device, words.in));
    box.ingress = ByteSet{id};
  }
  if (!words.out.empty()) {
    const InterfaceId id = DEMARC_TRY(interface_named(device, words.out));
    box.egress = ByteSet{id};
  }
  return q;
}

std::string acl_answer_json(const Device& device, const FilterDecision& decision) {
  JsonWriter json;
  json.begin_object().field("action", name(decision.fate));
  write_by(json, device, decision.by);
  json.field("why", decision.why).end_object();
  return json.take() + '\n';
}

std::string acl_diff_json(const Device& before, const Device& after, const Comparison& comparison) {
  JsonWriter json(JsonWriter::Style::indented);
  json.begin_object().field("demarc", "acl-diff").field("version", 1);
  json.field("before", before.file).field("after", after.file).field("decided", comparison.decided);
  json.field("same", comparison.same()).key("differences").begin_array();
  for (const Difference& d : comparison.differences) {
    json.begin_object();
    json.key("before").begin_object().field("action", name(d.before));
    write_by(json, before, d.before_by);
    json.end_object().key("after").begin_object().field("action", name(d.after));
    write_by(json, after, d.after_by);
    json.end_object().field("packets", to_string(d.weight)).field("sample", to_string(d.sample.packet));
    write_boxes(json, d.cover);
    json.end_object();
  }
  json.end_array();
  if (!comparison.left_out.is_zero()) json.field("left_out", to_string(comparison.left_out));
  json.end_object();
  return json.take() + '\n';
}

std::string acl_search_json(const Device& device, Fate fate, const SearchResult& result) {
  JsonWriter json(JsonWriter::Style::indented);
  json.begin_object().field("demarc", "acl-search").field("version", 1).field("device", device.name);
  json.field("action", name(fate)).field("decided", result.decided).key("found").begin_array();
  for (const Found& f : result.found) {
    json.begin_object();
    write_by(json, device, f.by);
    json.field("packets", to_string(f.weight)).field("sample", to_string(f.sample.packet));
    write_boxes(json, f.cover);
    json.end_object();
  }
  json.end_array();
  if (!result.left_out.is_zero()) json.field("left_out", to_string(result.left_out));
  if (!result.undetermined.is_zero()) json.field("undetermined", to_string(result.undetermined));
  json.end_object();
  return json.take() + '\n';
}

}  // namespace demarc
