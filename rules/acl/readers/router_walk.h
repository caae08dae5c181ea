// How every router's configuration is laid out: a line at the margin begins something, indented ones below it
// belong to it, and a list's entries are known by their own words even where pasting took their indentation. The
// walk says which kind a line is; what it says, the dialect's reader knows.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/readers/router_draft.h"

namespace demarc::router {

class ConfigWalk {
 public:
  /// Reads a line, of which the cursor stands at the first word.
  using Take = std::function<void(Cursor& in)>;

  explicit ConfigWalk(RouterDraft& draft) : draft_(draft) {}

  struct Lines {
    Take at_margin, in_list;
    /// Lines that are neither in a list nor begin something, whatever their indentation; true: it was one.
    std::function<bool(std::string_view first)> passed_over = {};
    bool bang_ends = false;  // a `!` at the margin ends what was begun
  };
  void run(const Lines& lines);

  // --- What a line at the margin may begin ---

  /// Indented lines behind this one are read so.
  void below(Take inner) { inner_ = std::move(inner); }
  /// Nothing is known of this line, nor of what stands below it; `why`, unless `first` is one of the words of lines
  /// that are not about filtering.
  void nothing_known(std::string_view first, std::span<const std::string_view> not_filtering);
  void unread_below(std::string why);
  /// Text that goes on to that line ("banner").
  void pass_over_to(std::uint32_t line) { passed_over_to_ = line; }
  /// The line at which a text ends that begins behind the present one; none within reach.
  std::optional<std::uint32_t> find_end(const std::function<bool(std::string_view line)>& ends) const;

  // --- Lists ---

  /// `shown`: as a command shows it, with counters.
  void begin_list(std::string_view name, ListForm form, bool shown = false);
  /// The present line is the only one of the list's here (numbered lists).
  void end_list() { in_list_ = false; }
  ListIndex list() const { return list_; }
  ListForm form() const { return form_; }
  bool shown() const { return shown_; }
  /// The number in front of an entry.
  static std::optional<std::uint64_t> sequence(Cursor& in);
  /// "remark ...": kept for the entry that follows.
  bool is_remark(Cursor& in);
  void read_entry(Cursor& in, std::optional<std::uint64_t> sequence) {
    draft_.read_entry(in, list_, form_, sequence, shown_);
  }

 private:
  RouterDraft& draft_;
  Take inner_;
  bool in_list_ = false, shown_ = false, unread_ = false;
  std::string why_unread_;
  std::uint32_t passed_over_to_ = 0;
  ListIndex list_ = 0;
  ListForm form_ = {};
};

/// The object-groups of a configuration. They are read before everything else, since they may stand behind what
/// names them; each of their lines is accounted for when the walk comes to it.
class GroupLines {
 public:
  explicit GroupLines(RouterDraft& draft) : draft_(draft) {}

  /// begins: behind "object-group"; whether it is a group of a kind that is read. member: a line below it.
  void read(const std::function<bool(Cursor& in)>& begins, const std::function<Result<void>(Cursor& in)>& member);
  /// A member that is a group itself.
  void nested(std::string_view name) { nested_.emplace_back(name); }
  /// Marks the present line, of a group.
  void line();

 private:
  RouterDraft& draft_;
  std::vector<std::string> nested_;
  std::map<std::uint32_t, Error> errors_;
};

}  // namespace demarc::router
