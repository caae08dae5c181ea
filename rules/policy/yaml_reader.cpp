// The files of a rule set, what they include, and the order in which their sections are read.
#include "rules/policy/yaml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "rules/policy/yaml_reader_parts.h"
#include "rules/text/sha256.h"
#include "rules/text/suggest.h"

namespace demarc {

namespace policy_reading {

namespace {

constexpr std::size_t kFilesMax = 256;
constexpr std::size_t kIncludeDepthMax = 8;
constexpr std::size_t kBytesTotalMax = std::size_t{256} << 20;

constexpr std::string_view kTopKeys[] = {"demarc",   "name",         "timezone",
                                         "review",   "include",      "zones",
                                         "hosts",    "translations", "source_translations",
                                         "vips",     "groups",       "services",
                                         "scope",    "vantages",     "sensors",
                                         "coverage", "enforcement",  "people",
                                         "rules",    "forbidden",    "exceptions",
                                         "retired",  "accepted"};
/// What a file may hold that is chosen by an environment variable: where things are, never what is approved.
constexpr std::string_view kEnvironmentKeys[] = {"demarc", "zones", "hosts", "vantages"};

/// "rules/base.yaml" as named in "conf/demarc.yaml" is "conf/rules/base.yaml".
std::string beside(const std::string& including, const std::string& path) {
  std::size_t slash = including.rfind('/');
  std::string joined = slash == std::string::npos ? path : including.substr(0, slash + 1) + path;
  // Normal form, so that one file is recognised under two spellings.
  bool absolute = joined.starts_with('/');
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= joined.size();) {
    std::size_t end = std::min(joined.find('/', begin), joined.size());
    std::string part = joined.substr(begin, end - begin);
    if (part == ".." && !parts.empty() && parts.back() != "..")
      parts.pop_back();
    else if (part == "..") {
      if (!absolute) parts.push_back(part);
    } else if (!part.empty() && part != ".")
      parts.push_back(part);
    begin = end + 1;
  }
  std::string out = absolute ? "/" : "";
  for (std::size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : "/") + parts[i];
  return out;
}

class FileReader {
 public:
  FileReader(Reading& reading, const RuleFiles& files) : reading_(reading), files_(files) {}

  void read_main(const std::string& path) {
    Result<std::string> text = files_.read(path);
    if (!text) {
      Error error = text.error();
      if (error.where.file.empty()) error.where.file = path;
      reading_.errors.add(DiagnosticLevel::error, std::move(error));
      return;
    }
    open_.push_back(beside("", path));
    read_tree(path, std::move(*text), nullptr);
  }
  std::string sha256() { return hash_.finish_hex(); }

 private:
  /// `chosen_by`: the include whose environment variable chose this file, if one did.
  void read_tree(const std::string& path, std::string text, const YamlNode* chosen_by) {
    hash_.update(text);
    auto number = static_cast<std::uint16_t>(reading_.trees.size());
    reading_.trees.push_back(YamlTree::read(path, std::move(text), number, reading_.errors));
    const YamlNode* root = reading_.trees.back().root();
    if (root == nullptr) return;
    if (root->kind == YamlNode::Kind::null) {
      if (number == 0)
        reading_.errors.error(Location{.file = path}, "the rule set is empty",
                              "`demarc init` writes one to start from");
      return;
    }
    if (!root->is_mapping()) {
      reading_.error(*root, fmt::format("a rule set is a mapping, not {}", describe(root->kind)),
                     "begin with `demarc: 1`");
      return;
    }
    read_top(path, *root, number, chosen_by);
  }

  void read_top(const std::string& path, const YamlNode& root, std::uint16_t number, const YamlNode* chosen_by) {
    const YamlNode* include = nullptr;
    bool versioned = false;
    std::set<std::string_view> seen;
    for (const YamlNode* key = root.first; key != nullptr; key = key->next->next) {
      if (!key->is_scalar()) continue;
      std::string_view name = key->scalar;
      if (!seen.insert(name).second) continue;  // the tree has said that it is there twice
      if (std::find(std::begin(kTopKeys), std::end(kTopKeys), name) == std::end(kTopKeys)) {
        std::string hint = suggest(name, kTopKeys);
        reading_.error(*key, fmt::format("unknown key '{}'", name),
                       hint.empty() ? "docs/rule-set.md lists every key" : hint);
      } else if (chosen_by != nullptr && std::find(std::begin(kEnvironmentKeys), std::end(kEnvironmentKeys),
                                                   name) == std::end(kEnvironmentKeys)) {
        reading_.error(
            *key, fmt::format("'{}' in a file that an environment variable chooses", name),
            fmt::format("such a file may hold zones, hosts and vantages only ({})", reading_.place(*chosen_by)));
      } else if (name == "demarc") {
        versioned = true;
        check_version(*key->next);
      } else if (name == "include") {
        include = key->next;
      } else {
        reading_.sections[std::string(name)].push_back({key, key->next});
      }
    }
    if (!versioned && number == 0)
      reading_.error(root, "the rule set does not say its version", "begin with `demarc: 1`");
    if (include != nullptr) read_includes(path, *include);
  }

  void check_version(const YamlNode& node) {
    if (node.is_plain() && node.scalar == "1") return;
    if (std::optional<std::uint32_t> version = read_number(reading_, node, "'demarc'", 0, 1'000'000)) {
      reading_.error(node, fmt::format("version {} of the rule set is not known here", *version),
                     "this demarc reads version 1");
    }
  }

  void read_includes(const std::string& path, const YamlNode& node) {
    for (const YamlNode* item : read_list(reading_, node, "'include'")) {
      if (std::optional<std::string> name = read_text(reading_, *item, "an included file"))
        read_include(path, *item, *name);
    }
  }

  void read_include(const std::string& including, const YamlNode& node, const std::string& written) {
    bool chosen = written.find("${") != std::string::npos;
    std::optional<std::string> name = expand(node, written);
    if (!name) return;
    if (name->starts_with('/')) {
      reading_.error(node, fmt::format("'{}' is an absolute path", *name),
                     "included files are named relative to this one");
      return;
    }
    std::string path = beside(including, *name);
    if (std::find(open_.begin(), open_.end(), path) != open_.end()) {
      reading_.error(node, fmt::format("'{}' includes itself", path),
                     open_.size() > 1 ? "through the files between" : "take the include out");
      return;
    }
    if (auto first = included_.find(path); first != included_.end()) {
      reading_.error(node, fmt::format("'{}' is included twice", path),
                     fmt::format("first at {}", reading_.place(*first->second)));
      return;
    }
    if (open_.size() > kIncludeDepthMax || reading_.trees.size() >= kFilesMax) {
      reading_.error(node,
                     fmt::format("more than {} files, or includes more than {} deep", kFilesMax, kIncludeDepthMax),
                     "put the files together");
      return;
    }
    Result<std::string> text = files_.read(path);
    if (!text) {
      reading_.error(node, fmt::format("cannot read '{}': {}", path, text.error().what), text.error().hint);
      return;
    }
    bytes_total_ += text->size();
    if (bytes_total_ > kBytesTotalMax) {
      reading_.error(node, fmt::format("the included files are larger than {} MiB together", kBytesTotalMax >> 20),
                     "leave some out");
      return;
    }
    included_.emplace(path, &node);
    open_.push_back(path);
    read_tree(path, std::move(*text), chosen ? &node : nullptr);
    open_.pop_back();
  }

  /// "env/${DEMARC_ENV}.yaml" with the variable's value, which must be a plain name: a variable chooses a file, it
  /// does not leave the folder.
  std::optional<std::string> expand(const YamlNode& node, const std::string& written) {
    std::string out;
    for (std::size_t at = 0; at < written.size();) {
      std::size_t begin = written.find("${", at);
      out += written.substr(at, begin - at);
      if (begin == std::string::npos) break;
      std::size_t end = written.find('}', begin);
      std::string variable = end == std::string::npos ? std::string() : written.substr(begin + 2, end - begin - 2);
      bool is_name = !variable.empty() &&
                     variable.find_first_not_of(
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
      if (!is_name) {
        reading_.error(node,
                       fmt::format("'{}' names no environment variable",
                                   written.substr(begin, end == std::string::npos ? end : end + 1 - begin)),
                       "write ${DEMARC_ENV}");
        return std::nullopt;
      }
      std::optional<std::string> value = files_.environment ? files_.environment(variable) : std::nullopt;
      if (!value || value->empty()) {
        reading_.error(
            node, fmt::format("the environment variable {} is not set", variable),
            fmt::format("run `{}=production demarc ...`, with the name of a file that exists", variable));
        return std::nullopt;
      }
      bool plain = value->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
                       std::string::npos &&
                   value->front() != '.';
      if (!plain) {
        reading_.error(node,
                       fmt::format("{} is '{}', which cannot be a part of a file's name here", variable, *value),
                       "letters, digits, '.', '_' and '-'");
        return std::nullopt;
      }
      out += *value;
      at = end + 1;
    }
    return out;
  }

  Reading& reading_;
  const RuleFiles& files_;
  Sha256 hash_;
  std::vector<std::string> open_;  // the files being read, outermost first
  std::map<std::string, const YamlNode*> included_;
  std::size_t bytes_total_ = 0;
};

}  // namespace

// --- Reading: what the parts share ---

void Reading::error(const YamlNode& node, std::string what, std::string hint) {
  errors.error(where(node), std::move(what), std::move(hint));
}
void Reading::warning(const YamlNode& node, std::string what, std::string hint) {
  remarks.warning(where(node), std::move(what), std::move(hint));
}
void Reading::note(const YamlNode& node, std::string what, std::string hint) {
  remarks.add(DiagnosticLevel::note, Error{where(node), std::move(what), std::move(hint)});
}

std::string Reading::place(const YamlNode& node) const {
  Location at = where(node);
  return fmt::format("{}:{}", at.file, at.line);
}

std::vector<Entry> Reading::entries(std::string_view section, std::string_view what) {
  std::vector<Entry> out;
  auto given = sections.find(section);
  if (given == sections.end()) return out;
  std::map<std::string_view, const YamlNode*> seen;
  for (const Entry& piece : given->second) {
    if (piece.value->kind == YamlNode::Kind::null) continue;  // `hosts:` with everything commented out
    if (!piece.value->is_mapping()) {
      if (!what.empty())
        error(*piece.value, fmt::format("'{}' is {}, not a mapping", section, describe(piece.value->kind)),
              fmt::format("write `name: {{ ... }}` for each {}", what));
      continue;
    }
    for (const YamlNode* key = piece.value->first; key != nullptr; key = key->next->next) {
      bool good = what.empty() ? key->is_scalar() : check_new_name(*this, *key, what);
      if (!good) continue;
      auto [first, fresh] = seen.emplace(key->scalar, key);
      if (fresh)
        out.push_back({key, key->next});
      else if (!what.empty() && first->second->file != key->file)
        error(*key, fmt::format("the {} '{}' is defined in two files", what, key->scalar),
              fmt::format("first at {}", place(*first->second)));
    }
  }
  return out;
}

std::vector<const YamlNode*> Reading::items(std::string_view section) {
  std::vector<const YamlNode*> out;
  auto given = sections.find(section);
  if (given == sections.end()) return out;
  for (const Entry& piece : given->second) {
    if (piece.value->kind == YamlNode::Kind::null) continue;
    if (!piece.value->is_sequence()) {
      error(*piece.value, fmt::format("'{}' is {}, not a list", section, describe(piece.value->kind)),
            "begin each entry with '- '");
      continue;
    }
    for (const YamlNode* item = piece.value->first; item != nullptr; item = item->next) out.push_back(item);
  }
  return out;
}

const YamlNode* Reading::only(std::string_view section) {
  auto given = sections.find(section);
  if (given == sections.end()) return nullptr;
  const YamlNode* first = nullptr;
  for (const Entry& piece : given->second) {
    if (first == nullptr)
      first = piece.value;
    else
      error(*piece.key, fmt::format("'{}' is given in two files", section),
            fmt::format("first at {}", place(*given->second.front().key)));
  }
  return first->kind == YamlNode::Kind::null ? nullptr : first;
}

// --- name, timezone, review ---

void read_general(Reading& reading, const RuleFiles& files) {
  for (std::string_view key : {"name", "timezone"}) {
    auto given = reading.sections.find(key);
    if (given != reading.sections.end() && given->second.front().value->kind == YamlNode::Kind::null)
      read_text(reading, *given->second.front().key->next, fmt::format("'{}'", key));
  }
  if (const YamlNode* name = reading.only("name"))
    reading.rules.name = read_text(reading, *name, "'name'").value_or("");
  if (const YamlNode* zone = reading.only("timezone")) {
    std::optional<std::string> name = read_text(reading, *zone, "'timezone'");
    bool plain = name &&
                 name->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-") ==
                     std::string::npos &&
                 !name->starts_with('/') && name->size() <= 64;
    if (name && !plain)
      reading.error(*zone, fmt::format("'{}' is no time zone", *name),
                    "a name of the IANA database: Europe/Berlin");
    if (plain && *name != "UTC") {
      Result<std::string> bytes =
          files.time_zone_bytes ? files.time_zone_bytes(*name)
                                : Result<std::string>(failure("there is no time zone database here", "write UTC"));
      Result<TimeZone> read =
          bytes ? TimeZone::from_tzif(*name, *bytes) : Result<TimeZone>(std::unexpected(bytes.error()));
      if (read)
        reading.rules.time_zone = std::move(*read);
      else
        reading.error(*zone, fmt::format("the time zone '{}' cannot be used: {}", *name, read.error().what),
                      read.error().hint.empty() ? "a name of the IANA database: Europe/Berlin" : read.error().hint);
    }
  }
  if (const YamlNode* node = reading.only("review")) {
    static constexpr std::string_view kKeys[] = {"interval", "warn_before", "approval_roles",
                                                 "approver_is_not_owner"};
    Fields fields(reading, *node, "'review'", kKeys);
    ReviewPolicy& review = reading.rules.review;
    if (const YamlNode* interval = fields.get("interval"))
      review.interval = read_period(reading, *interval, "'interval'").value_or(review.interval);
    if (const YamlNode* warn = fields.get("warn_before"))
      review.warn_before = read_period(reading, *warn, "'warn_before'").value_or(review.warn_before);
    if (const YamlNode* roles = fields.get("approval_roles"))
      review.approval_roles = read_texts(reading, *roles, "'approval_roles'");
    if (const YamlNode* apart = fields.get("approver_is_not_owner"))
      review.approver_is_not_owner = read_truth(reading, *apart, "'approver_is_not_owner'").value_or(false);
  }
}

}  // namespace policy_reading

ReadRuleSet read_rule_set(const std::string& path, const RuleFiles& files) {
  using namespace policy_reading;
  Reading reading;
  reading.trees.reserve(kFilesMax);
  FileReader reader(reading, files);
  reader.read_main(path);
  reading.rules.file = path;
  reading.rules.sha256 = reader.sha256();
  bool readable =
      !reading.trees.empty() && std::all_of(reading.trees.begin(), reading.trees.end(),
                                            [](const YamlTree& tree) { return tree.root() != nullptr; });
  // A file that is no YAML leaves its names undefined; complaints about those would bury the one that matters.
  if (readable) {
    read_general(reading, files);
    read_people(reading);
    read_services(reading);
    read_places(reading);
    read_vantages(reading);
    read_translations(reading);
    read_scope(reading);
    read_sensors(reading);
    read_coverage(reading);
    read_enforcement(reading);
    read_rules(reading);
  }
  ReadRuleSet out;
  if (!reading.failed() && readable) out.rules = std::move(reading.rules);
  out.diagnostics = std::move(reading.errors);
  for (const Diagnostic& remark : reading.remarks.all()) out.diagnostics.add(remark.level, remark.error);
  out.diagnostics.sort();
  return out;
}

ReadRuleSet read_rule_set_text(const std::string& name, const std::string& text) {
  RuleFiles files;
  files.read = [&](const std::string& path) -> Result<std::string> {
    if (path == name) return text;
    return failure("there are no other files here");
  };
  return read_rule_set(name, files);
}

}  // namespace demarc
