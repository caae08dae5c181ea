#include "rules/verdict/replay_formats.h"

#include <fmt/format.h>

#include "rules/text/escape.h"
#include "rules/text/json_writer.h"

namespace demarc {

namespace {

/// The line that decides, as it stands in the device's file.
struct Line {
  std::string_view list, text;
  std::uint32_t number = 0;
};
Line line_of(const Device& device, const DecidingLine& by) {
  if (by.list == kNoList) return {};
  const List& list = device.lists[by.list];
  if (!by.entry) return {list.name, "", list.at_end_line};
  const Entry& e = list.entries[*by.entry];
  return {list.name, e.text, e.line};
}

void write_fate(JsonWriter& json, std::string_view key, const Device& device, const ConversationFate& fate) {
  const Line line = line_of(device, fate.by);
  json.key(key).begin_object().field("action", name(fate.fate)).field("leg", name(fate.leg));
  json.field_unless_empty("list", line.list);
  if (line.number != 0) json.field("line", line.number);
  json.field_unless_empty("text", line.text).field_unless_empty("why", fate.why).end_object();
}

std::string port_of(const ReplayedFlow& f) { return f.protocol.has_ports() ? to_string(f.port) : ""; }

void write_rows(JsonWriter& json, std::string_view key, const std::vector<ReplayedFlow>& rows,
                const ReplayDocument& d) {
  json.key(key).begin_array();
  for (const ReplayedFlow& f : rows) {
    json.begin_object()
        .field("initiator", to_string(f.initiator))
        .field("responder", to_string(f.responder))
        .field("protocol", to_string(f.protocol));
    if (f.protocol.has_ports()) json.field("port", f.port.number());
    if (f.protocol.is_icmp()) json.field("icmp_type", to_string(f.icmp));
    json.field("initiator_certain", f.initiator_certain)
        .field("conversations", f.conversations)
        .field("established", f.established)
        .field("first", to_string(f.first))
        .field("last", to_string(f.last))
        .field("file", f.file)
        .field("record", f.record);
    write_fate(json, "candidate", *d.candidate, f.now);
    if (d.present != nullptr) write_fate(json, "present", *d.present, f.before);
    json.end_object();
  }
  json.end_array();
}

void write_csv(std::string& out, std::string_view kind, const std::vector<ReplayedFlow>& rows,
               const ReplayDocument& d) {
  for (const ReplayedFlow& f : rows) {
    const Line now = line_of(*d.candidate, f.now.by);
    const Line before = d.present != nullptr ? line_of(*d.present, f.before.by) : Line{};
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\r\n", kind,
                       to_string(f.initiator), to_string(f.responder), to_string(f.protocol), port_of(f),
                       f.protocol.is_icmp() ? to_string(f.icmp) : "", f.initiator_certain, f.conversations,
                       f.established, to_string(f.first), to_string(f.last), name(f.now.fate), name(f.now.leg),
                       csv_field(now.list), now.number, csv_field(now.text), csv_field(f.now.why),
                       d.present != nullptr ? name(f.before.fate) : "", before.number, csv_field(before.text),
                       csv_field(f.file), f.record);
  }
}

}  // namespace

std::string_view conclusion_of(const Replay& replay) {
  return !replay.breaks.empty() ? "breaks" : !replay.undetermined.empty() ? "undetermined" : "nothing-breaks";
}

std::string replay_json(const ReplayDocument& d) {
  const Replay& r = *d.replay;
  JsonWriter json(JsonWriter::Style::indented);
  const auto device = [&json](std::string_view key, const Device& of) {
    json.key(key)
        .begin_object()
        .field("name", of.name)
        .field("file", of.file)
        .field("dialect", name(of.dialect))
        .field("lines_not_understood", of.coverage.not_understood)
        .end_object();
  };
  json.begin_object().field("demarc", "acl-replay").field("version", 1).field("conclusion", conclusion_of(r));
  device("candidate", *d.candidate);
  if (d.present != nullptr) device("present", *d.present);
  json.key("assumed").begin_array();
  for (const std::string& a : d.assumed) json.value(a);
  json.end_array()
      .field("conversations", r.conversations)
      .field("passing", r.passing)
      .field("elsewhere", r.elsewhere)
      .field("no_conversation", r.no_conversation);
  write_rows(json, "breaks", r.breaks, d);
  write_rows(json, "undetermined", r.undetermined, d);
  write_rows(json, "attempts", r.attempts, d);
  write_rows(json, "admits", r.admits, d);
  json.end_object();
  return json.take() + '\n';
}

std::string replay_csv(const ReplayDocument& d) {
  std::string out =
      "kind,initiator,responder,protocol,port,icmp_type,initiator_certain,conversations,established,first,last,"
      "action,leg,list,line,text,why,present_action,present_line,present_text,file,record\r\n";
  write_csv(out, "breaks", d.replay->breaks, d);
  write_csv(out, "undetermined", d.replay->undetermined, d);
  write_csv(out, "attempt", d.replay->attempts, d);
  write_csv(out, "admits", d.replay->admits, d);
  return out;
}

}  // namespace demarc
