#include "rules/acl/readers/router_walk.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/name_table.h"

namespace demarc::router {

namespace {

bool is_indented(std::string_view text) { return text[0] == ' ' || text[0] == '\t'; }

/// A text without an end swallows no more than this.
constexpr std::uint32_t kPassedOverMax = 1000;

}  // namespace

void ConfigWalk::run(const Lines& lines) {
  for (draft_.line = 1; draft_.line <= draft_.source().line_count(); ++draft_.line) {
    const std::string_view text = draft_.text();
    Cursor in = draft_.cursor();
    const std::string_view first = in.peek();
    if (first.empty()) continue;
    if (draft_.line <= passed_over_to_ || first.starts_with('!')) {
      if (lines.bang_ends && text[0] == '!') in_list_ = false, inner_ = nullptr;
      draft_.mark(Understanding::not_filtering);
      continue;
    }
    const bool indented = is_indented(text);
    if (in_list_ &&
        (indented || first == "permit" || first == "deny" || first == "remark" || decimal(first, ~0ULL))) {
      lines.in_list(in);
      continue;
    }
    if (lines.passed_over && lines.passed_over(first)) {
      draft_.mark(Understanding::not_filtering);
      continue;
    }
    if (!indented) {
      in_list_ = unread_ = false;
      inner_ = nullptr;
      why_unread_.clear();
      lines.at_margin(in);
    } else if (inner_) {
      inner_(in);
    } else {
      draft_.mark(unread_ ? Understanding::not_understood : Understanding::not_filtering, why_unread_);
    }
  }
}

void ConfigWalk::nothing_known(std::string_view first, std::span<const std::string_view> not_filtering) {
  if (is_one_of(first, not_filtering)) return draft_.mark(Understanding::not_filtering);
  unread_below(fmt::format("'{}' is not known", first));
  draft_.mark(Understanding::not_understood, why_unread_);
}

void ConfigWalk::unread_below(std::string why) {
  unread_ = true;
  why_unread_ = std::move(why);
}

std::optional<std::uint32_t> ConfigWalk::find_end(const std::function<bool(std::string_view line)>& ends) const {
  const Source& source = draft_.source();
  const std::uint32_t last = std::min(source.line_count(), draft_.line + kPassedOverMax);
  for (std::uint32_t n = draft_.line + 1; n <= last; ++n)
    if (ends(source.line(n))) return n;
  return std::nullopt;
}

void ConfigWalk::begin_list(std::string_view name, ListForm form, bool shown) {
  in_list_ = true;
  form_ = form;
  shown_ = shown;
  draft_.remark.clear();
  list_ = draft_.open_list(name, form.family);
}

std::optional<std::uint64_t> ConfigWalk::sequence(Cursor& in) {
  const std::optional<std::uint64_t> number = decimal(in.peek(), 0xFFFFFFFF);
  if (number) in.word();
  return number;
}

bool ConfigWalk::is_remark(Cursor& in) {
  if (in.peek() != "remark") return false;
  in.word();
  draft_.remark = LineLedger::bounded(in.rest());
  draft_.mark(Understanding::understood);
  return true;
}

void GroupLines::read(const std::function<bool(Cursor& in)>& begins,
                      const std::function<Result<void>(Cursor& in)>& member) {
  bool within = false;
  for (draft_.line = 1; draft_.line <= draft_.source().line_count(); ++draft_.line) {
    Cursor in = draft_.cursor();
    const std::string_view first = in.peek();
    if (first.empty() || first == "!") continue;
    if (!is_indented(draft_.text())) {
      in.word();
      within = first == "object-group" && begins(in);
    } else if (within && first != "description") {
      if (const Result<void> read = member(in); !read) errors_[draft_.line] = read.error();
    }
  }
  draft_.groups.resolve();
  for (const std::string& name : nested_) draft_.use_object(name);
}

void GroupLines::line() {
  if (const auto error = errors_.find(draft_.line); error != errors_.end()) return draft_.unread(error->second);
  draft_.mark(Understanding::understood);
}

}  // namespace demarc::router
