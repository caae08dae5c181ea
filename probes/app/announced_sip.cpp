// Where the media of a call shall go: SIP's headers as far as they are needed, and the session description behind.
#include <algorithm>
#include <charconv>

#include "probes/app/announced.h"
#include "probes/app/codecs.h"

namespace demarc {

namespace {

constexpr std::size_t kHeadersMax = 128, kLinesMax = 512, kBodyMax = 64 * 1024;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

bool is_named(std::string_view name, std::string_view full, std::string_view compact) {
  const auto same = [&](std::string_view other) {
    return name.size() == other.size() && app::contains_ignoring_case(name, other);
  };
  return same(full) || same(compact);
}

/// Takes the next line off the front, without its end; false where no line ends any more.
bool take_line(std::string_view& text, std::string_view& line) {
  const std::size_t end = text.find('\n');
  if (end == text.npos) return false;
  line = text.substr(0, end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  text.remove_prefix(end + 1);
  return true;
}

std::string_view take_word(std::string_view& text) {
  text = text.substr(std::min(text.size(), text.find_first_not_of(' ')));
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

std::optional<std::uint16_t> number_of(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "IN IP4 192.0.2.1", "IN IP4 224.2.1.1/127" (RFC 4566 §5.7). A name or an unspecified address gives none.
std::optional<Address> connection_address(std::string_view text) {
  if (take_word(text) != "IN") return std::nullopt;
  const std::string_view family = take_word(text);
  std::string_view where = take_word(text);
  where = where.substr(0, where.find('/'));
  const std::optional<Address> address = parse_address(where);
  if (!address || address->is_ipv4() != (family == "IP4")) return std::nullopt;
  if (classify(*address) == AddressClass::unspecified) return std::nullopt;
  return address;
}

/// "audio 49170/2 RTP/AVP 0" (RFC 4566 §5.14)
std::optional<MediaLine> media_line(std::string_view text) {
  take_word(text);  // audio, video, ...
  const std::string_view ports = take_word(text), transport = take_word(text);
  const std::optional<std::uint16_t> port = number_of(ports.substr(0, ports.find('/')));
  if (!port || transport.empty()) return std::nullopt;
  MediaLine media;
  media.protocol = transport.starts_with("TCP") ? Protocol::tcp : Protocol::udp;
  media.port = *port;
  const bool rtp = transport.find("RTP/") != transport.npos && media.protocol == Protocol::udp;
  if (rtp && *port != 0 && *port != 65535) media.control_port = static_cast<std::uint16_t>(*port + 1);
  return media;
}

void read_description(std::string_view body, std::vector<MediaLine>& media) {
  std::optional<Address> session;
  bool described = false;
  body = body.substr(0, kBodyMax);
  for (std::size_t i = 0; i < kLinesMax && !body.empty(); ++i) {
    std::string_view line;
    if (!take_line(body, line)) {  // the last line may want its end
      line = body;
      body = {};
    }
    if (line.starts_with("v=0")) described = true;
    if (!described || line.size() < 2 || line[1] != '=') continue;
    const std::string_view value = line.substr(2);
    switch (line[0]) {
      case 'c':
        if (const std::optional<Address> address = connection_address(value); media.empty())
          session = address;
        else
          media.back().address = address;
        break;
      case 'm':
        if (media.size() == kMediaLinesMax) return;
        // A line that cannot be read keeps its place: offer and answer are paired by order (RFC 3264 §6).
        media.push_back(media_line(value).value_or(MediaLine{}));
        media.back().address = session;
        break;
      case 'a':  // RFC 3605: "rtcp:53020", "rtcp:53020 IN IP4 ..."; another address than the media's is not
                 // followed
        if (!media.empty() && value.starts_with("rtcp:")) {
          std::string_view rest = value.substr(5);
          if (const std::optional<std::uint16_t> port = number_of(take_word(rest)))
            media.back().control_port = *port;
        }
        break;
      default: break;
    }
  }
}

bool is_first_line(std::string_view line) {  // "INVITE sip:... SIP/2.0" or "SIP/2.0 200 OK"
  if (line.starts_with("SIP/2.0 ")) return line.size() >= 11 && line[8] >= '1' && line[8] <= '6';
  return line.ends_with(" SIP/2.0") && line.front() >= 'A' && line.front() <= 'Z';
}

}  // namespace

std::optional<SipMessage> read_sip_message(std::string_view text, bool datagram, bool& more) {
  more = false;
  const std::string_view all = text;
  std::string_view line;
  if (!take_line(text, line)) {
    more = true;
    return std::nullopt;
  }
  if (!is_first_line(line)) return std::nullopt;
  SipMessage message;
  std::optional<std::size_t> length;
  bool ended = false;
  for (std::size_t i = 0; i < kHeadersMax && !ended; ++i) {
    if (!take_line(text, line)) {
      more = true;
      return std::nullopt;
    }
    ended = line.empty();
    const std::size_t colon = line.find(':');
    if (ended || colon == line.npos) continue;
    const std::string_view name = trimmed(line.substr(0, colon)), value = trimmed(line.substr(colon + 1));
    if (is_named(name, "call-id", "i")) message.call_id = value;
    if (is_named(name, "content-length", "l")) {
      const std::optional<std::uint16_t> number = number_of(value);
      if (!number) return std::nullopt;
      length = *number;
    }
  }
  if (!ended || message.call_id.empty()) return std::nullopt;
  const std::size_t head = all.size() - text.size();
  // Over UDP the datagram ends the body where nobody says so (RFC 3261 §20.14).
  if (!length) length = datagram ? text.size() : 0;
  message.length = head + *length;
  if (text.size() >= *length) read_description(text.substr(0, *length), message.media);
  return message;
}

}  // namespace demarc
