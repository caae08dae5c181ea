// HTTP and those that share its form: the status line, who says it serves, the title of the page, where it sends us
// and what it wants to know first. SIP and RTSP are read by the same lines.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "probes/app/codecs.h"
#include "probes/app/ntlm.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

constexpr std::size_t kHeadersMax = 100, kTitleMax = 120, kTokenMax = 4096;

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

bool same_name(std::string_view name, std::string_view other) {
  return name.size() == other.size() && contains_ignoring_case(name, other);
}

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64(const ByteString& bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) group = (group << 8) | (i + j < bytes.size() ? bytes[i + j] : 0U);
    for (std::size_t j = 0; j < 4; ++j) out += i + j > bytes.size() ? '=' : kBase64[(group >> (18 - 6 * j)) & 63];
  }
  return out;
}

ByteString unbase64(std::string_view text) {
  ByteString out;
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (char c : text.substr(0, kTokenMax)) {
    std::size_t value = kBase64.find(c);
    if (value == kBase64.npos) break;
    group = ((group << 6) | static_cast<std::uint32_t>(value)) & 0xFFFFFF;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<std::uint8_t>(group >> bits));
  }
  return out;
}

/// "nginx/1.22.1", "Microsoft-IIS/10.0", "Apache/2.4.57 (Debian)"
void read_product(std::string_view value, ServiceSeen& seen) {
  std::string product = word_of(value);
  std::size_t slash = product.find('/');
  std::size_t end = product.find(' ', slash == product.npos ? 0 : slash);
  if (slash != product.npos) seen.version = product.substr(slash + 1, end == product.npos ? end : end - slash - 1);
  seen.product = product.substr(0, slash);
}

/// What a JSON string field holds, taken from the text; enough for documents that name their product.
std::string_view json_text(std::string_view json, std::string_view field) {
  std::size_t at = json.find(fmt::format("\"{}\"", field));
  if (at == json.npos) return {};
  at = json.find_first_not_of(" :\t\r\n", at + field.size() + 2);
  if (at == json.npos || json[at] != '"') return {};
  std::size_t end = json.find('"', at + 1);
  return end == json.npos ? std::string_view() : json.substr(at + 1, end - at - 1);
}

struct Message {
  bool valid = false, headers_ended = false, is_html = false, is_json = false;
  std::string_view code, body;
  std::optional<NtlmChallenge> challenge;
  ServiceSeen seen;
};

/// "PROTOCOL/1.1 200 OK" and headers.
Message read_message(std::string_view text, std::string_view protocol) {
  Message message;
  if (text.size() < protocol.size() + 7 || !text.starts_with(protocol) || text[protocol.size()] != '/' ||
      text[protocol.size() + 1] < '0' || text[protocol.size() + 1] > '9')
    return message;
  std::string_view status = first_line(text);
  std::size_t blank = status.find(' ');
  if (blank == status.npos || blank > protocol.size() + 4 || status.size() < blank + 4) return message;
  message.code = status.substr(blank + 1, 3);
  if (!std::all_of(message.code.begin(), message.code.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return message;
  message.valid = true;
  ServiceSeen& seen = message.seen;
  seen.evidence = bytes_escaped(status.substr(0, kEvidenceMax));
  std::string_view rest = text;
  for (std::size_t i = 0; i <= kHeadersMax; ++i) {
    bool whole = false;
    std::string_view line = first_line(rest, &whole);
    if (!whole) break;
    rest.remove_prefix(rest.find('\n') + 1);
    if (line.empty()) {
      message.headers_ended = true;
      break;
    }
    std::size_t colon = line.find(':');
    if (i == 0 || colon == line.npos) continue;
    std::string_view name = line.substr(0, colon), value = line.substr(colon + 1);
    if (same_name(name, "server") || (same_name(name, "user-agent") && seen.product.empty()))
      read_product(value, seen);
    if (same_name(name, "content-type")) {
      message.is_html = contains_ignoring_case(value, "html");
      message.is_json = contains_ignoring_case(value, "json");
    }
    if (seen.evidence.size() > 3 * kEvidenceMax) continue;
    if (same_name(name, "location")) seen.evidence += "; location " + word_of(value);
    if (same_name(name, "via")) seen.evidence += "; via " + word_of(value);
    if (same_name(name, "x-powered-by")) seen.evidence += "; powered by " + word_of(value);
    if (same_name(name, "www-authenticate") || same_name(name, "proxy-authenticate")) {
      std::string_view scheme = value.substr(std::min(value.size(), value.find_first_not_of(' ')));
      std::size_t token = scheme.find(' ');
      if (!message.challenge && token != scheme.npos && scheme.size() > token + 20 &&
          (scheme.starts_with("Negotiate ") || scheme.starts_with("NTLM ")))
        message.challenge = find_ntlm_challenge(unbase64(scheme.substr(token + 1)));
      if (message.challenge) continue;
      seen.evidence += "; wants " + word_of(scheme);
    }
  }
  if (message.challenge) {
    seen.evidence += "; " + describe(*message.challenge);
    if (seen.product.empty()) seen.product = product_of(*message.challenge);
  }
  message.body = rest;
  return message;
}

std::string agent(std::string_view host) {
  // Every request of HTTP/1.1 needs a Host, and we have only the address (RFC 9112 §3.2); without it, 1.0.
  return host.empty() ? " HTTP/1.0\r\n" : fmt::format(" HTTP/1.1\r\nHost: {}\r\n", host);
}

}  // namespace

ByteString http_get(std::string_view host) {
  return bytes_of("GET /" + agent(host) + "User-Agent: demarc\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

Heard read_http(Bytes reply) {
  Message message = read_message(text_of(reply), "HTTP");
  if (!message.valid) return {};
  ServiceSeen& seen = message.seen;
  seen.name = "http";
  if (!message.headers_ended) return {seen, false};
  std::string_view body = message.body;
  std::string title = message.is_html ? title_of(body) : std::string();
  if (!title.empty()) seen.evidence += "; title " + title;
  bool complete = !message.is_html || !title.empty() || contains_ignoring_case(body, "</head") ||
                  contains_ignoring_case(body, "</html");
  if (message.is_json && message.code == "200") {
    complete = body.find('}') != body.npos;
    if (body.find("\"cluster_name\"") != body.npos && body.find("\"tagline\"") != body.npos) {
      seen.name = "elasticsearch";
      seen.product = json_text(body, "distribution") == "opensearch" ? "OpenSearch" : "Elasticsearch";
      seen.version = word_of(json_text(body, "number"));
    } else if (std::string_view version = json_text(body, "version"); body.find("\"couchdb\"") != body.npos) {
      seen.product = "CouchDB";
      seen.version = word_of(version);
    }
  }
  Heard heard{seen, complete};
  // A TLS server that understood our plain request well enough to say so. It is TLS that has to be looked at.
  if (message.code == "400" && (contains_ignoring_case(body, "https") || contains_ignoring_case(body, "ssl")))
    heard.follow_up = "tls-client-hello";
  return heard;
}

ByteString winrm_negotiate(std::string_view host) {  // MS-WSMV over HTTP: the first leg of NTLM, and only that
  return bytes_of("GET /wsman" + agent(host) + "User-Agent: demarc\r\nAuthorization: Negotiate " +
                  base64(ntlm_negotiate()) + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

Heard read_winrm(Bytes reply) {
  Heard heard = read_http(reply);
  if (!heard.seen || heard.seen->name != "http") return heard;
  Message message = read_message(text_of(reply), "HTTP");
  if (message.challenge || (message.code == "405" && heard.seen->product == "Microsoft-HTTPAPI"))
    heard.seen->name = "winrm";
  return heard;
}

ByteString sip_options(std::string_view host) {  // RFC 3261 §11
  const std::string to = host.empty() ? "demarc.invalid" : std::string(host);
  return bytes_of(
      fmt::format("OPTIONS sip:{0} SIP/2.0\r\nVia: SIP/2.0/TCP demarc.invalid;branch=z9hG4bKdemarc\r\n"
                  "Max-Forwards: 70\r\nTo: <sip:{0}>\r\nFrom: <sip:demarc@demarc.invalid>;tag=demarc\r\n"
                  "Call-ID: demarc\r\nCSeq: 1 OPTIONS\r\nContact: <sip:demarc@demarc.invalid>\r\n"
                  "Accept: application/sdp\r\nContent-Length: 0\r\n\r\n",
                  to));
}

Heard read_sip(Bytes reply) {
  Message message = read_message(text_of(reply), "SIP");
  if (!message.valid) return {};
  message.seen.name = "sip";
  return {message.seen, message.headers_ended};
}

ByteString rtsp_options(std::string_view host) {  // RFC 7826 §13.1; version 1.0 is what is out there
  return bytes_of(fmt::format("OPTIONS rtsp://{}/ RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: demarc\r\n\r\n",
                              host.empty() ? "demarc.invalid" : host));
}

Heard read_rtsp(Bytes reply) {
  Message message = read_message(text_of(reply), "RTSP");
  if (!message.valid) return {};
  message.seen.name = "rtsp";
  return {message.seen, message.headers_ended};
}

}  // namespace demarc::app
