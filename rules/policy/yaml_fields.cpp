// Single values of the rule set: texts, numbers, dates, ports, words, and what to say when they are something else.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "rules/net/address.h"
#include "rules/policy/yaml_reader_parts.h"
#include "rules/text/suggest.h"

namespace demarc::policy_reading {

namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::uint64_t> to_number(std::string_view digits, int base = 10) {
  std::uint64_t number = 0;
  auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (problem != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

constexpr std::string_view kTruthLookalikes[] = {"yes", "no", "on", "off", "y", "n", "true", "false"};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

/// What a value that is none is called in a message.
std::string shown(const YamlNode& node) {
  return node.is_scalar() ? fmt::format("'{}'", node.scalar) : std::string(describe(node.kind));
}

}  // namespace

// --- Keys ---

Fields::Fields(Reading& reading, const YamlNode& map, std::string_view what, std::span<const std::string_view> keys)
    : reading_(reading), map_(map), what_(what) {
  if (!map.is_mapping()) {
    std::string hint = map.kind == YamlNode::Kind::sequence ? "write { key: value } without the list"
                                                            : fmt::format("write {{ {}: ... }}", keys.front());
    reading.error(map, fmt::format("{} is {}, not a mapping", what, describe(map.kind)), std::move(hint));
    return;
  }
  usable_ = true;
  for (const YamlNode* key = map.first; key != nullptr; key = key->next->next) {
    if (!key->is_scalar() || std::find(keys.begin(), keys.end(), key->scalar) != keys.end()) continue;
    std::string hint;
    std::optional<std::string_view> meant;
    if (!reading.flooded()) meant = nearest(key->scalar, keys);
    if (key->next->kind == YamlNode::Kind::null && key->scalar.find(' ') != std::string_view::npos) {
      hint = "a text with a comma needs quotes inside { }";
    } else if (meant) {
      meant_.push_back(*meant);
      hint = fmt::format("did you mean '{}'?", *meant);
    } else {
      hint = "known: ";
      for (std::size_t i = 0; i < keys.size(); ++i) hint += (i == 0 ? "" : ", ") + std::string(keys[i]);
    }
    reading.error(*key, fmt::format("unknown key '{}' in {}", key->scalar, what), std::move(hint));
  }
}

const YamlNode* Fields::get(std::string_view key) const {
  if (!usable_) return nullptr;
  for (const YamlNode* k = map_.first; k != nullptr; k = k->next->next)
    if (k->is_scalar() && k->scalar == key) return k->next;
  return nullptr;
}

const YamlNode* Fields::need(std::string_view key) const {
  const YamlNode* value = get(key);
  if (value == nullptr && usable_ && !misspelt(key))
    reading_.error(map_, fmt::format("{} has no '{}'", what_, key), fmt::format("add `{}: ...`", key));
  return value;
}

bool Fields::misspelt(std::string_view key) const {
  return std::find(meant_.begin(), meant_.end(), key) != meant_.end();
}

// --- Values ---

std::optional<std::string> read_text(Reading& reading, const YamlNode& node, std::string_view what) {
  if (node.is_scalar() && !node.scalar.empty()) return std::string(node.scalar);
  if (node.is_scalar() || node.kind == YamlNode::Kind::null) {
    reading.error(node, fmt::format("{} is empty", what), "give it a value or leave the key out");
  } else {
    reading.error(node, fmt::format("{} is {}, not a single value", what, describe(node.kind)),
                  node.is_mapping() ? "a text with ': ' in it, and an IPv6 address, need quotes" : "");
  }
  return std::nullopt;
}

void read_text_field(Reading& reading, const Fields& fields, std::string_view key, std::string& out) {
  const YamlNode* node = fields.get(key);
  if (node == nullptr) return;
  if (std::optional<std::string> text = read_text(reading, *node, fmt::format("'{}'", key))) out = std::move(*text);
}

std::optional<bool> read_truth(Reading& reading, const YamlNode& node, std::string_view what) {
  if (node.is_plain() && node.scalar == "true") return true;
  if (node.is_plain() && node.scalar == "false") return false;
  std::string hint = "write true or false";
  if (node.is_scalar()) {
    std::string word = lower(node.scalar);
    if (word == "yes" || word == "on" || word == "y" || word == "true") hint = "write true";
    if (word == "no" || word == "off" || word == "n" || word == "false") hint = "write false";
    if (!node.is_plain()) hint += " without quotes";
  }
  reading.error(node, fmt::format("{} must be true or false, not {}", what, shown(node)), hint);
  return std::nullopt;
}

std::optional<NumberTrap> number_trap(std::string_view text) {
  auto trap = [&](std::string_view why, std::string hint) {
    return NumberTrap{fmt::format("'{}' {}", text, why), std::move(hint)};
  };
  std::string word = lower(text);
  if (std::find(std::begin(kTruthLookalikes), std::end(kTruthLookalikes), word) != std::end(kTruthLookalikes)) {
    return trap("is a truth value to some YAML readers, not a number", "write a decimal number");
  }
  if (text.size() > 1 && text.front() == '0' && is_digits(text)) {
    std::string_view digits = text.substr(std::min(text.find_first_not_of('0'), text.size() - 1));
    std::optional<std::uint64_t> octal = to_number(text, 8);
    std::string hint = octal && std::to_string(*octal) != digits ? fmt::format("write {} or {}", digits, *octal)
                                                                 : fmt::format("write {}", digits);
    return trap("has a leading zero, which is octal to some YAML readers", std::move(hint));
  }
  if (word.starts_with("0x") || word.starts_with("0o") || word.starts_with("0b")) {
    std::optional<std::uint64_t> number = to_number(std::string_view(word).substr(2), word[1] == 'x'   ? 16
                                                                                      : word[1] == 'o' ? 8
                                                                                                       : 2);
    if (number) return trap("is not a decimal number", fmt::format("write {}", *number));
  }
  std::string without = word;
  std::erase(without, '_');
  if (without.size() != word.size() && is_digits(without))
    return trap("is not a decimal number", fmt::format("write {}", without));
  if (!word.empty() && word.front() == '+' && is_digits(std::string_view(word).substr(1)))
    return trap("is not a decimal number", fmt::format("write {}", word.substr(1)));
  bool number_like = !word.empty() &&
                     (is_digits(word.substr(0, 1)) || word.front() == '-' || word.front() == '.') &&
                     word.find_first_not_of("0123456789.e+-") == std::string::npos &&
                     word.find_first_of(".e") != std::string::npos;
  if (number_like) {
    char* end = nullptr;
    double value = std::strtod(word.c_str(), &end);
    bool whole = *end == '\0' && value >= 0 && value < 4e9 &&
                 value == static_cast<double>(static_cast<std::uint64_t>(value));
    if (*end == '\0')
      return trap("is not a whole decimal number",
                  whole ? fmt::format("write {}", static_cast<std::uint64_t>(value)) : "write a whole number");
  }
  return std::nullopt;
}

std::optional<std::uint32_t> read_number(Reading& reading, const YamlNode& node, std::string_view what,
                                         std::uint32_t min, std::uint32_t max) {
  if (node.is_scalar() && !node.is_plain() && is_digits(node.scalar)) {
    reading.error(node, fmt::format("{} is a text, not a number", what),
                  fmt::format("write {} without quotes", node.scalar));
    return std::nullopt;
  }
  if (node.is_scalar()) {
    if (std::optional<NumberTrap> trap = number_trap(node.scalar)) {
      reading.error(node, std::move(trap->what), std::move(trap->hint));
      return std::nullopt;
    }
    bool negative = node.scalar.starts_with('-') && is_digits(node.scalar.substr(1));
    if (is_digits(node.scalar) || negative) {
      std::optional<std::uint64_t> number = negative ? std::nullopt : to_number(node.scalar);
      if (number && *number >= min && *number <= max) return static_cast<std::uint32_t>(*number);
      reading.error(node, fmt::format("{} is {}, out of range", what, node.scalar),
                    fmt::format("a number from {} to {}", min, max));
      return std::nullopt;
    }
  }
  reading.error(node, fmt::format("{} must be a number, not {}", what, shown(node)), "write a decimal number");
  return std::nullopt;
}

namespace {
/// A value that a parser of rules/net reads, whose error gets the place here.
template <typename T, typename Parse>
std::optional<T> read_by(Reading& reading, const YamlNode& node, std::string_view what, Parse parse) {
  if (!node.is_scalar()) {
    read_text(reading, node, what);
    return std::nullopt;
  }
  Result<T> value = parse(node.scalar);
  if (value) return *value;
  reading.error(node, fmt::format("{}: {}", what, value.error().what), value.error().hint);
  return std::nullopt;
}
}  // namespace

std::optional<Date> read_date(Reading& reading, const YamlNode& node, std::string_view what) {
  return read_by<Date>(reading, node, what, [](std::string_view text) { return parse_date(text); });
}

std::optional<Period> read_period(Reading& reading, const YamlNode& node, std::string_view what) {
  std::optional<Period> period =
      read_by<Period>(reading, node, what, [](std::string_view text) { return parse_period(text); });
  if (period && *period == Period{}) {
    reading.error(node, fmt::format("{} is no time at all", what), "write 12 months, 45 days or 36 hours");
    return std::nullopt;
  }
  return period;
}

std::optional<Address> read_address(Reading& reading, const YamlNode& node, std::string_view what) {
  std::optional<std::string> text = read_text(reading, node, what);
  if (!text) return std::nullopt;
  if (std::optional<Address> address = parse_address(*text)) return address;
  bool prefix = text->find('/') != std::string::npos && parse_address(text->substr(0, text->find('/')));
  bool zeros = text->find_first_not_of("0123456789.") == std::string::npos;
  reading.error(node, fmt::format("'{}' is not an address", *text),
                prefix  ? fmt::format("without the prefix length: {}", text->substr(0, text->find('/')))
                : zeros ? "four decimal numbers up to 255 without leading zeros"
                        : "write 192.0.2.10 or \"2001:db8::10\"");
  return std::nullopt;
}

std::vector<const YamlNode*> read_list(Reading& reading, const YamlNode& node, std::string_view what) {
  std::vector<const YamlNode*> out;
  if (node.is_scalar()) {
    out.push_back(&node);
  } else if (node.is_sequence()) {
    out.reserve(node.count);
    for (const YamlNode* item = node.first; item != nullptr; item = item->next) out.push_back(item);
    if (out.empty())
      reading.error(node, fmt::format("{} is an empty list", what), "name at least one, or leave the key out");
  } else if (node.kind == YamlNode::Kind::null) {
    reading.error(node, fmt::format("{} is empty", what), "give it a value or leave the key out");
  } else {
    reading.error(node, fmt::format("{} is a mapping, not a list", what),
                  "write [a, b]; IPv6 addresses need quotes");
  }
  return out;
}

std::vector<std::string> read_texts(Reading& reading, const YamlNode& node, std::string_view what) {
  std::vector<std::string> out;
  std::set<std::string_view> seen;
  for (const YamlNode* item : read_list(reading, node, what)) {
    std::optional<std::string> text = read_text(reading, *item, what);
    if (!text) continue;
    if (!seen.insert(item->scalar).second) {
      reading.warning(*item, fmt::format("'{}' is named twice in {}", *text, what), "once is enough");
    } else {
      out.push_back(std::move(*text));
    }
  }
  return out;
}

std::optional<PortRange> read_port_range(Reading& reading, const YamlNode& node) {
  if (!node.is_scalar()) {
    reading.error(node, fmt::format("a port must be a number or a range, not {}", describe(node.kind)),
                  "write 443 or \"1024-5000\"");
    return std::nullopt;
  }
  std::string_view text = node.scalar;
  std::size_t dash = text.find('-', 1);
  std::string_view ends[2] = {text.substr(0, dash), dash == std::string_view::npos ? text : text.substr(dash + 1)};
  std::uint16_t numbers[2] = {0, 0};
  for (int i = 0; i < 2; ++i) {
    if (std::optional<NumberTrap> trap = number_trap(ends[i])) {
      reading.error(node, std::move(trap->what), std::move(trap->hint));
      return std::nullopt;
    }
    std::string_view digits = ends[i].starts_with('-') ? ends[i].substr(1) : ends[i];
    if (!is_digits(digits)) {
      bool blanks = text.find(' ') != std::string_view::npos, comma = text.find(',') != std::string_view::npos;
      reading.error(node, fmt::format("'{}' is neither a port nor a range of ports", text),
                    comma    ? "write a list: [80, 443]"
                    : blanks ? "without blanks: \"1024-5000\""
                             : "write 443 or \"1024-5000\"");
      return std::nullopt;
    }
    std::optional<std::uint64_t> number = to_number(ends[i]);
    if (!number || *number > 65535 || *number == 0) {
      reading.error(node, fmt::format("{} is no port", ends[i]),
                    number && *number == 0 ? "port 0 is reserved (RFC 6335); ports go from 1 to 65535"
                                           : "ports go from 1 to 65535");
      return std::nullopt;
    }
    numbers[i] = static_cast<std::uint16_t>(*number);
  }
  if (numbers[1] < numbers[0]) {
    reading.error(node, fmt::format("the range '{}' runs backwards", text),
                  fmt::format("write \"{}-{}\"", numbers[1], numbers[0]));
    return std::nullopt;
  }
  return PortRange{Port(numbers[0]), Port(numbers[1])};
}

PortSet read_ports(Reading& reading, const YamlNode& node, std::string_view what) {
  std::vector<PortRange> ranges;
  for (const YamlNode* item : read_list(reading, node, what)) {
    std::optional<PortRange> range = read_port_range(reading, *item);
    if (!range) continue;
    ranges.push_back(*range);
  }
  return PortSet::of(std::move(ranges));
}

std::optional<std::size_t> read_word_index(Reading& reading, const YamlNode& node, std::string_view what,
                                           std::span<const std::string_view> words) {
  if (node.is_scalar()) {
    auto found = std::find(words.begin(), words.end(), node.scalar);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  }
  std::string hint = node.is_scalar() ? suggest(node.scalar, words) : std::string();
  if (hint.empty()) {
    for (std::string_view word : words) hint += (hint.empty() ? "one of: " : ", ") + std::string(word);
  }
  reading.error(node, fmt::format("{} cannot be {}", what, shown(node)), std::move(hint));
  return std::nullopt;
}

const Word<Severity> kSeverityWords[5] = {{"critical", Severity::critical},
                                          {"high", Severity::high},
                                          {"medium", Severity::medium},
                                          {"low", Severity::low},
                                          {"info", Severity::info}};

bool check_new_name(Reading& reading, const YamlNode& key, std::string_view what) {
  if (!key.is_scalar()) return false;  // the tree has said it
  std::string_view name = key.scalar;
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || static_cast<unsigned char>(c) >= 0x80;
  };
  if (name.empty() || name.size() > 128 || !std::all_of(name.begin(), name.end(), plain) || name.front() == '-' ||
      name.front() == '.' || name.back() == '.') {
    reading.error(
        key, fmt::format("'{}' cannot be the name of a {}", name.size() > 128 ? name.substr(0, 128) : name, what),
        "letters, digits, '-', '_' and '.', up to 128 of them");
    return false;
  }
  if (parse_address(name)) {
    reading.error(key, fmt::format("'{}' cannot be the name of a {}: it is an address", name, what),
                  "give it a name, and the address under `addresses`");
    return false;
  }
  return true;
}

std::string suggest_name(std::string_view word, std::vector<std::string> known, std::string otherwise) {
  if (known.empty()) return otherwise;
  std::string hint = suggest(word, std::span<const std::string>(known));
  if (!hint.empty()) return hint;
  if (known.size() > 8) return fmt::format("none of the {} that are defined", known.size());
  for (const std::string& name : known) hint += (hint.empty() ? "known: " : ", ") + name;
  return hint;
}

}  // namespace demarc::policy_reading
