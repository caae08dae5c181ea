#include "probes/app/announced.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace demarc {

namespace {

constexpr char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

/// Whether the text begins with that word (given in capitals), whatever its case, and takes it off.
bool take_word(std::string_view& text, std::string_view word) {
  if (text.size() < word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i)
    if (upper(text[i]) != word[i]) return false;
  text.remove_prefix(word.size());
  return true;
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

/// A decimal number up to `max` at the front.
std::optional<std::uint32_t> take_number(std::string_view& text, std::uint32_t max) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number > max) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// "h1,h2,h3,h4,p1,p2" (RFC 959 §4.1.2)
std::optional<Announced> take_host_port(std::string_view& text) {
  std::array<std::uint8_t, 6> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i != 0 && !take(text, ',')) return std::nullopt;
    const std::optional<std::uint32_t> number = take_number(text, 255);
    if (!number) return std::nullopt;
    numbers[i] = static_cast<std::uint8_t>(*number);
  }
  return Announced{Protocol::tcp, Address::from_ipv4_bytes(numbers.data()), Port{be16(&numbers[4])}};
}

FtpLine waits_at(std::optional<Announced> announced) {
  if (!announced) return {};
  return {FtpSays::waits, *announced};
}

// "|1|132.235.1.2|6275|", the delimiter being any printable character (RFC 2428 §2)
std::optional<Announced> read_extended(std::string_view text) {
  if (text.size() < 5) return std::nullopt;
  const char delimiter = text.front();
  if (delimiter <= 32 || delimiter >= 127 || (delimiter >= '0' && delimiter <= '9')) return std::nullopt;
  text.remove_prefix(1);
  const std::optional<std::uint32_t> family = take_number(text, 2);
  if (!family || *family == 0 || !take(text, delimiter)) return std::nullopt;
  const std::size_t end = text.find(delimiter);
  if (end == text.npos) return std::nullopt;
  const std::optional<Address> address = parse_address(text.substr(0, end));
  if (!address || address->is_ipv4() != (*family == 1)) return std::nullopt;
  text.remove_prefix(end + 1);
  const std::optional<std::uint32_t> port = take_number(text, 65535);
  if (!port || !take(text, delimiter)) return std::nullopt;
  return Announced{Protocol::tcp, *address, Port{static_cast<std::uint16_t>(*port)}};
}

}  // namespace

FtpLine read_ftp_command(std::string_view line) {
  // Telnet commands may stand before a line (RFC 959 §4.1.3 sends them before ABOR).
  while (!line.empty() && static_cast<unsigned char>(line.front()) >= 240) line.remove_prefix(1);
  if (take_word(line, "PORT ")) {
    skip_blanks(line);
    return waits_at(take_host_port(line));
  }
  if (take_word(line, "EPRT ")) {
    skip_blanks(line);
    return waits_at(read_extended(line));
  }
  return {};
}

FtpLine read_ftp_reply(std::string_view line) {
  if (line.starts_with("234")) return {.says = FtpSays::secured};
  if (line.starts_with("227 ")) {
    // No form is prescribed for what stands before the six numbers (RFC 1123 §4.1.2.6): the first six in a row.
    line.remove_prefix(4);
    for (std::size_t tries = 0; tries < 128 && !line.empty(); ++tries) {
      const std::size_t digit = line.find_first_of("0123456789");
      if (digit == line.npos) return {};
      line.remove_prefix(digit);
      std::string_view numbers = line;
      if (std::optional<Announced> announced = take_host_port(numbers)) return waits_at(announced);
      while (!line.empty() && line.front() >= '0' && line.front() <= '9') line.remove_prefix(1);
    }
    return {};
  }
  if (line.starts_with(
          "229 ")) {  // "(|||6446|)": network and address are empty, and mean the same host (RFC 2428 §3)
    const std::size_t open = line.find('(');
    if (open == line.npos || line.size() < open + 6) return {};
    const char delimiter = line[open + 1];
    std::string_view rest = line.substr(open + 1);
    if (delimiter <= 32 || delimiter >= 127 || (delimiter >= '0' && delimiter <= '9')) return {};
    for (int i = 0; i < 3; ++i)
      if (!take(rest, delimiter)) return {};
    const std::optional<std::uint32_t> port = take_number(rest, 65535);
    if (!port || !take(rest, delimiter) || !take(rest, ')')) return {};
    return {FtpSays::waits, {Protocol::tcp, std::nullopt, Port{static_cast<std::uint16_t>(*port)}}};
  }
  return {};
}

bool is_tftp_request(
    Bytes datagram) {  // RFC 1350 §5: opcode 1 or 2, a name, a zero, a mode, a zero; options (RFC 2347)
  if (datagram.size() < 6 || datagram.size() > 1472 || datagram[0] != 0 || (datagram[1] != 1 && datagram[1] != 2))
    return false;
  std::string_view text(reinterpret_cast<const char*>(datagram.data()) + 2, datagram.size() - 2);
  const std::size_t name = text.find('\0');
  if (name == text.npos || name == 0) return false;
  text.remove_prefix(name + 1);
  const std::size_t end = text.find('\0');
  if (end == text.npos) return false;
  std::string_view mode = text.substr(0, end);
  return take_word(mode, "OCTET") || take_word(mode, "NETASCII") || take_word(mode, "MAIL");
}

}  // namespace demarc
