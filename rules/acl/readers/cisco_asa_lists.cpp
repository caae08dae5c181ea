#include "rules/acl/readers/cisco_asa_lists.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/words.h"
#include "rules/text/suggest.h"

namespace demarc::asa {

using words::number;

namespace {

constexpr unsigned kPositionMax = 100'000'000;

/// A line of `show access-list` ends in a hit count or in the entry's hash.
bool has_hash_or_count(std::string_view text) {
  if (text.find("(hitcnt=") != std::string_view::npos) return true;
  const std::size_t last = text.find_last_not_of(" \t\r");
  if (last == std::string_view::npos) return false;
  const std::size_t blank = text.find_last_of(" \t", last);
  const std::string_view word = text.substr(blank + 1, last - blank);
  return word.starts_with("0x") && word.size() > 2;
}

}  // namespace

void ListBook::Order::append(std::uint32_t slot) {
  if (chunks_.empty() || chunks_.back().size() >= kChunkMax) chunks_.emplace_back().reserve(kChunkMax);
  chunks_.back().push_back(slot);
  ++size_;
}

void ListBook::Order::insert(std::size_t position, std::uint32_t slot) {
  if (position >= size_) return append(slot);
  std::size_t c = 0;
  while (position > chunks_[c].size()) position -= chunks_[c++].size();
  std::vector<std::uint32_t>& chunk = chunks_[c];
  chunk.insert(chunk.begin() + static_cast<std::ptrdiff_t>(position), slot);
  ++size_;
  if (chunk.size() <= kChunkMax) return;
  const auto half = chunk.begin() + kChunkMax / 2;
  std::vector<std::uint32_t> rest(half, chunk.end());
  chunk.erase(half, chunk.end());
  chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(c) + 1, std::move(rest));
}

std::vector<std::uint32_t> ListBook::Order::all() const {
  std::vector<std::uint32_t> out;
  out.reserve(size_);
  for (const std::vector<std::uint32_t>& chunk : chunks_) out.insert(out.end(), chunk.begin(), chunk.end());
  return out;
}

bool ListBook::is_other_kind(std::string_view name) const { return other_kinds_.contains(name); }

ListBook::Building& ListBook::list(std::string_view name, bool ipv6, std::uint32_t line) {
  const auto [place, fresh] = index_.try_emplace({ipv6, std::string(name)}, lists_.size());
  if (fresh) {
    Building b;
    b.name = std::string(name);
    b.line = line;
    b.ipv6 = ipv6;
    lists_.push_back(std::move(b));
  }
  return lists_[place->second];
}

void ListBook::unread(std::uint32_t line, const Error& error) {
  device_.diagnostics.add(DiagnosticLevel::warning, error);
  ledger_.mark(line, Understanding::not_understood, error.what);
}

void ListBook::read_line(Cursor& in, std::uint32_t line, bool ipv6) {
  std::string_view name = in.word();
  // `show access-list` begins with what its cache holds, and heads each list with the number of its elements.
  if (name == "cached" || name == "alert-interval" || name == "deny-flow-max")
    return ledger_.mark(line, Understanding::not_filtering);
  if (name.ends_with(';')) {
    name.remove_suffix(1);
    Building& b = list(name, ipv6, line);
    b.shown_header = true;
    for (const Shown& s : b.shown)  // shown before: the later counters stand
      if (s.entry.line != 0 && s.error.empty()) ledger_.mark(s.entry.line, Understanding::understood);
    b.shown.clear();
    return ledger_.mark(line, Understanding::understood);
  }
  if (name.empty())
    return unread(line, Error{in.last(), "the list's name is missing", "access-list NAME extended permit ..."});
  std::optional<std::uint32_t> position;
  std::string_view word = in.peek();
  if (word == "line") {
    in.word();
    const std::optional<unsigned> n = number(in.word(), kPositionMax);
    if (!n || *n == 0) return unread(line, Error{in.last(), "a line has a number from 1", ""});
    position = *n;
    word = in.peek();
  }
  ListKind kind = ipv6 ? ListKind::ipv6 : ListKind::extended;  // before 7.0 `extended` was not written
  if (word == "extended" || word == "standard" || word == "advanced") {
    in.word();
    kind = word == "standard" ? ListKind::standard : word == "advanced" ? ListKind::advanced : kind;
  } else if (word == "webtype" || word == "ethertype") {
    other_kinds_.insert_or_assign(std::string(name), true);
    in.word();
    const bool all = word == "ethertype" && in.word() == "deny" && in.word() == "any";
    return all ? ledger_.mark(line, Understanding::in_part, "an ethertype list that denies any stops IP too")
               : ledger_.mark(line, Understanding::not_filtering);
  } else if (word == "remark") {
    in.word();
    Building& b = list(name, ipv6, line);
    ledger_.mark(line, Understanding::understood);
    if (position && b.shown_header) {
      Shown s;
      s.position = *position;
      s.entry.line = 0;  // a remark
      s.entry.remark = LineLedger::bounded(in.rest());
      b.shown.push_back(std::move(s));
      return;
    }
    Slot slot;
    slot.remark = true;
    slot.entry.remark = LineLedger::bounded(in.rest());
    return place(b, std::move(slot), position);
  } else if (word != "permit" && word != "deny") {
    Building& b = list(name, ipv6, line);
    Slot slot;
    in.word();
    slot.entry.line = slot.entry.line_last = line;
    slot.entry.text = LineLedger::bounded(source_.line(line));
    slot.entry.action = Action::unknown;
    slot.entry.maybe.resize(1);
    slot.entry.undecided = fmt::format("'{}' is no kind of list that is known", LineLedger::bounded(word));
    constexpr std::string_view kKinds[] = {"extended", "standard", "advanced", "webtype", "ethertype", "remark"};
    unread(line, Error{in.last(), slot.entry.undecided, suggest(word, std::span(kKinds))});
    return place(b, std::move(slot), position);
  }
  Building& b = list(name, ipv6, line);
  if (position && has_hash_or_count(in.rest())) return shown_line(in, b, kind, *position, line);
  entry_line(in, b, kind, position, line);
}

Result<Entry> ListBook::ace(Cursor& in, ListKind kind, std::uint32_t line) {
  Entry entry;
  entry.line = entry.line_last = line;
  entry.text = LineLedger::bounded(source_.line(line));
  if (const Result<void> read = aces_.read(in, kind, entry); !read) return std::unexpected(read.error());
  return entry;
}

void ListBook::entry_line(Cursor& in, Building& b, ListKind kind, std::optional<std::uint32_t> position,
                          std::uint32_t line) {
  Result<Entry> entry = ace(in, kind, line);
  Slot slot;
  if (entry) {
    slot.entry = std::move(*entry);
    ledger_.mark(line, slot.entry.undecided.empty() ? Understanding::understood : Understanding::in_part,
                 slot.entry.undecided);
  } else {
    slot.entry.line = slot.entry.line_last = line;
    slot.entry.text = LineLedger::bounded(source_.line(line));
    slot.entry.action = Action::unknown;
    slot.entry.undecided = entry.error().what;
    slot.entry.maybe.resize(1);
    if (b.ipv6) slot.entry.maybe[0].box.family = Family::ipv6;
    unread(line, entry.error());
  }
  place(b, std::move(slot), position);
}

void ListBook::place(Building& b, Slot slot, std::optional<std::uint32_t> position) {
  const auto index = static_cast<std::uint32_t>(b.slots.size());
  b.slots.push_back(std::move(slot));
  if (position)
    b.order.insert(*position - 1, index);
  else
    b.order.append(index);
}

void ListBook::shown_line(Cursor& in, Building& b, ListKind kind, std::uint32_t position, std::uint32_t line) {
  Result<Entry> entry = ace(in, kind, line);
  const bool part = !b.shown.empty() && b.shown.back().position == position && b.shown.back().entry.line != 0;
  if (!part) {
    Shown s;
    s.position = position;
    if (entry) {
      s.entry = std::move(*entry);
    } else {
      s.entry.line = s.entry.line_last = line;
      s.entry.text = LineLedger::bounded(source_.line(line));
      s.entry.action = Action::unknown;
      s.entry.maybe.resize(1);
      s.entry.undecided = s.error = entry.error().what;
      unread(line, entry.error());
    }
    b.shown.push_back(std::move(s));
    return;  // marked when all its parts are known
  }
  Shown& parent = b.shown.back();
  ++parent.parts_count;
  parent.entry.line_last = line;
  if (!entry) {
    parent.parts_complete = false;
    return unread(line, entry.error());
  }
  ledger_.mark(line, Understanding::understood);
  if (entry->packets) {
    parent.parts_counted = true;
    parent.parts_packets += *entry->packets;
  }
  if (!entry->undecided.empty() || entry->action != parent.entry.action) parent.parts_complete = false;
  if (parent.entry.undecided.empty()) return;  // the parent says it all
  for (Match& m : entry->match) parent.parts.push_back(std::move(m));
}

/// The entry as its own line and its parts say it.
Entry ListBook::entry_of(Shown& s) {
  Entry e = std::move(s.entry);
  // A group that the file does not define stands taken apart below its entry.
  if (s.error.empty() && !e.undecided.empty() && s.parts_count > 0 && s.parts_complete) {
    e.match = std::move(s.parts);
    e.maybe.clear();
    e.undecided.clear();
  }
  if (!e.packets && s.parts_counted) e.packets = s.parts_packets;
  return e;
}

void ListBook::finish() {
  for (Building& b : lists_) {
    List list;
    list.name = b.name;
    list.line = b.line;
    if (b.ipv6) list.family = Family::ipv6;
    const std::vector<std::uint32_t> order = b.order.all();
    std::vector<std::size_t> entry_at(order.size(), SIZE_MAX);  // of each position, into list.entries
    std::string remark;
    for (std::size_t i = 0; i < order.size(); ++i) {
      Slot& slot = b.slots[order[i]];
      if (slot.remark) {
        remark = std::move(slot.entry.remark);
        continue;
      }
      slot.entry.remark = std::exchange(remark, {});
      entry_at[i] = list.entries.size();
      list.entries.push_back(std::move(slot.entry));
    }
    const bool defined = !list.entries.empty();
    bool strange = false;
    for (Shown& s : b.shown) {
      if (s.entry.line == 0) {
        remark = std::move(s.entry.remark);
        continue;
      }
      const std::uint32_t line = s.entry.line;
      Entry e = entry_of(s);
      const bool whole = e.undecided.empty();
      if (!defined) {
        if (s.error.empty())
          ledger_.mark(line, whole ? Understanding::understood : Understanding::in_part, e.undecided);
        e.remark = std::exchange(remark, {});
        list.entries.push_back(std::move(e));
        continue;
      }
      const std::size_t at = s.position <= entry_at.size() ? entry_at[s.position - 1] : SIZE_MAX;
      const bool same = at != SIZE_MAX && s.error.empty() && list.entries[at].action == e.action;
      if (same) list.entries[at].packets = e.packets;
      if (s.error.empty())
        ledger_.mark(line, same ? Understanding::understood : Understanding::in_part,
                     "its counter belongs to no entry of the configuration");
      if (!same && s.error.empty() && !std::exchange(strange, true))
        device_.diagnostics.warning(
            source_.at_line(line, 1, static_cast<std::uint32_t>(source_.line(line).size())),
            fmt::format("line {} of {} in show access-list is no entry of the configuration", s.position, b.name),
            "the configuration and the counters are of different times");
    }
    b.shown.clear();
    b.slots.clear();
    device_.lists.push_back(std::move(list));
  }
}

}  // namespace demarc::asa
