// HTTP: the status line, the Server header and the title of the page. Without a Host header, because we have no
// name; therefore HTTP/1.0 (RFC 9112 §3.2 wants one in every 1.1 request).
#include <algorithm>

#include "probes/app/codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

constexpr std::size_t kHeadersMax = 100, kTitleMax = 120;

std::string title_of(std::string_view body) {
  std::string lower(body.substr(0, kReplyMax));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::size_t open = lower.find("<title");
  if (open == lower.npos) return {};
  std::size_t begin = lower.find('>', open);
  if (begin == lower.npos) return {};
  std::size_t end = lower.find("</title", begin);
  if (end == lower.npos) return {};
  return word_of(body.substr(begin + 1, std::min(end - begin - 1, kTitleMax)));
}

}  // namespace

ByteString http_get() {
  return bytes_of("GET / HTTP/1.0\r\nUser-Agent: demarc\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

Heard read_http(Bytes reply) {
  std::string_view text = text_of(reply);
  // "HTTP/1.1 200": nothing else begins so (RFC 9112 §4).
  if (text.size() < 12 || !text.starts_with("HTTP/") || text[5] < '0' || text[5] > '9') return {};
  std::string_view status = first_line(text);
  std::size_t blank = status.find(' ');
  if (blank == status.npos || blank > 8 || status.size() < blank + 4) return {};
  std::string_view code = status.substr(blank + 1, 3);
  if (!std::all_of(code.begin(), code.end(), [](char c) { return c >= '0' && c <= '9'; })) return {};

  ServiceSeen seen;
  seen.name = "http";
  seen.evidence = bytes_escaped(status.substr(0, kEvidenceMax));
  bool headers_ended = false, is_html = false;
  std::string_view rest = text;
  for (std::size_t i = 0; i <= kHeadersMax; ++i) {
    bool whole = false;
    std::string_view line = first_line(rest, &whole);
    if (!whole) break;
    rest.remove_prefix(rest.find('\n') + 1);
    if (line.empty()) {
      headers_ended = true;
      break;
    }
    std::size_t colon = line.find(':');
    if (i == 0 || colon == line.npos) continue;
    std::string_view name = line.substr(0, colon), value = line.substr(colon + 1);
    if (name.size() == 6 && contains_ignoring_case(name, "server") && seen.product.empty()) {
      std::string product = word_of(value);  // "nginx/1.22.1", "Microsoft-IIS/10.0", "Apache/2.4.57 (Debian)"
      std::size_t slash = product.find('/');
      std::size_t end = product.find(' ', slash == product.npos ? 0 : slash);
      if (slash != product.npos)
        seen.version = product.substr(slash + 1, end == product.npos ? end : end - slash - 1);
      seen.product = product.substr(0, slash == product.npos ? product.npos : slash);
    }
    if (name.size() == 12 && contains_ignoring_case(name, "content-type"))
      is_html = contains_ignoring_case(value, "html");
    if (name.size() == 8 && contains_ignoring_case(name, "location"))
      seen.evidence += "; location " + word_of(value);
  }
  if (!headers_ended) return {seen, false, {}};
  std::string title = is_html ? title_of(rest) : std::string();
  if (!title.empty()) seen.evidence += "; title " + title;
  Heard heard{seen,
              !is_html || !title.empty() || contains_ignoring_case(rest, "</head") ||
                  contains_ignoring_case(rest, "</html"),
              {}};
  // A TLS server that understood our plain request well enough to say so. It is TLS that has to be looked at.
  if (code == "400" && (contains_ignoring_case(rest, "https") || contains_ignoring_case(rest, "ssl")))
    heard.follow_up = "tls-client-hello";
  return heard;
}

}  // namespace demarc::app
