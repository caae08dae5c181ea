#include "rules/text/escape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace demarc {

namespace {

constexpr std::uint32_t kInvalid = 0xFFFFFFFF;

struct CodePoint {
  std::uint32_t value;  // kInvalid: the byte is no UTF-8
  std::size_t length;   // bytes taken, at least 1
};

// RFC 3629 §4: shortest forms only, no surrogates, nothing above U+10FFFF.
CodePoint next_code_point(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {kInvalid, 1};
  std::uint32_t value = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {kInvalid, 1};
    value = (value << 6) | (byte(i) & 0x3FU);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {kInvalid, 1};
  return {value, length};
}

template <typename Each>
void for_each_code_point(std::string_view text, Each each) {
  while (!text.empty()) {
    CodePoint point = next_code_point(text);
    each(point.value, text.substr(0, point.length));
    text.remove_prefix(point.length);
  }
}

bool is_control(std::uint32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

// Characters that reorder, hide or break what a reader sees: bidirectional controls, line separators, zero width.
bool is_treacherous(std::uint32_t c) {
  return (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
         c == 0x061C || c == 0xFEFF || (c >= 0xE0000 && c <= 0xE0FFF);
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

}  // namespace

std::string terminal_safe(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_code_point(text, [&](std::uint32_t c, std::string_view bytes) {
    if (c != kInvalid && !is_control(c) && !is_treacherous(c)) {
      out += bytes;
      return;
    }
    for (char byte : bytes) fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<std::uint8_t>(byte));
  });
  return out;
}

void append_json_quoted(std::string& out, std::string_view text) {
  out += '"';
  const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
  if (std::all_of(text.begin(), text.end(), is_plain)) {  // nearly all there is
    out += text;
    out += '"';
    return;
  }
  for_each_code_point(text, [&](std::uint32_t c, std::string_view bytes) {
    if (c == kInvalid) {
      out += kReplacement;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (is_control(c) || (is_treacherous(c) && c <= 0xFFFF)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    } else {
      out += bytes;
    }
  });
  out += '"';
}

std::string json_quoted(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_json_quoted(out, text);
  return out;
}

std::string bytes_escaped(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (char c : bytes) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c >= 0x20 && c < 0x7F)
      out += c;
    else
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<std::uint8_t>(c));
  }
  return out;
}

std::string bytes_unescaped(std::string_view text) {
  auto hex = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == 'n' || next == 'r' || next == 't' || next == '\\') {
      out += next == 'n' ? '\n' : next == 'r' ? '\r' : next == 't' ? '\t' : '\\';
      ++i;
    } else if (next == 'x' && i + 3 < text.size() && hex(text[i + 2]) >= 0 && hex(text[i + 3]) >= 0) {
      out += static_cast<char>(hex(text[i + 2]) * 16 + hex(text[i + 3]));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string html_escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_code_point(text, [&](std::uint32_t c, std::string_view bytes) {
    switch (c) {
      case '&': out += "&amp;"; return;
      case '<': out += "&lt;"; return;
      case '>': out += "&gt;"; return;
      case '"': out += "&quot;"; return;
      case '\'': out += "&#39;"; return;
      default: break;
    }
    bool allowed = c != kInvalid && c != 0xFFFE && c != 0xFFFF && (!is_control(c) || c == '\n' || c == '\t') &&
                   !is_treacherous(c);
    out += allowed ? bytes : kReplacement;
  });
  return out;
}

std::string csv_field(std::string_view text) {
  std::string clean;
  for_each_code_point(text, [&](std::uint32_t c, std::string_view bytes) {
    if (c == kInvalid || is_treacherous(c) || (is_control(c) && c != '\n' && c != '\t' && c != '\r'))
      clean += kReplacement;
    else
      clean += bytes;
  });
  bool formula = !clean.empty() && std::string_view("=+-@\t\r").find(clean.front()) != std::string_view::npos;
  if (formula) clean.insert(0, 1, '\'');
  if (clean.find_first_of("\",\n\r;") == std::string::npos) return clean;
  std::string out = "\"";
  for (char c : clean) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string markdown_escaped(std::string_view text) {
  std::string out;
  for_each_code_point(text, [&](std::uint32_t c, std::string_view bytes) {
    if (c == '\n' || c == '\r' || c == '\t')
      out += ' ';
    else if (c == kInvalid || is_control(c) || is_treacherous(c))
      out += kReplacement;
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c < 0x80 && std::string_view("\\`*_{}[]|#~").find(static_cast<char>(c)) != std::string_view::npos)
      (out += '\\') += static_cast<char>(c);
    else
      out += bytes;
  });
  return out;
}

std::string utf8_repaired(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_code_point(
      text, [&](std::uint32_t c, std::string_view bytes) { out += c == kInvalid ? kReplacement : bytes; });
  return out;
}

std::string shell_word(std::string_view word) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./:,@%+=").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return std::string(word);
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + '\'';
}

bool is_plain_in_shell(std::string_view text) {
  constexpr std::string_view kRead = "$`\\;&|<>()'!\n";
  for (std::size_t at = text.find_first_of(kRead); at != std::string_view::npos; at = text.find_first_of(kRead, at + 1))
    if (text.substr(at, 2) != "! ") return false;  // a negation is a word of its own
  return true;
}

}  // namespace demarc
