// What line protocols offer before anybody logs in (EHLO, FEAT, CAPA, CAPABILITY), and the word by which a plain
// connection becomes TLS. After it the certificate is read and the connection closed.
#include <algorithm>

#include "probes/app/codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

/// The rest of the line that begins with a keyword, after what precedes it there ("250-", a blank, "* ").
std::optional<std::string_view> line_with(std::string_view text, std::string_view keyword, std::size_t skip) {
  while (!text.empty()) {
    std::string_view line = first_line(text);
    if (line.size() >= skip + keyword.size() && contains_ignoring_case(line.substr(skip, keyword.size()), keyword))
      return line.substr(skip + keyword.size());
    std::size_t end = text.find('\n');
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

ServiceSeen named(std::string_view name, std::string evidence = {}) {
  ServiceSeen seen;
  seen.name = name;
  seen.evidence = std::move(evidence);
  return seen;
}

/// A single line that says go on (or anything else: then nothing more is known than before).
Heard read_go_ahead(std::string_view name, std::string_view text, std::string_view yes) {
  if (text.find('\n') == text.npos) return {named(name), false};
  if (!text.starts_with(yes)) return {named(name, "refuses to begin TLS"), true};
  return {named(name), true, {}, {}, true};
}

Heard smtp_capabilities(std::string_view text) {
  ServiceSeen seen = named("smtp");
  seen.evidence = "offers";
  Heard heard{seen, true};
  std::string& evidence = heard.seen->evidence;
  if (line_with(text, "STARTTLS", 4)) {
    heard.then = "smtp-starttls";
    evidence += " STARTTLS";
  } else {
    evidence += " no STARTTLS";
  }
  if (auto methods = line_with(text, "AUTH", 4))
    evidence += ", logins without it (" + word_of(methods->substr(0, 60)) + ")";
  return heard;
}

}  // namespace

ByteString smtp_ehlo(std::string_view) { return bytes_of("EHLO demarc.invalid\r\n"); }

/// After a greeting that could be either's: a mail server answers with what it can do, FTP does not know the word.
Heard read_smtp_ehlo(Bytes reply) {
  std::string_view text = text_of(reply);
  if (is_reply(text, "250")) {
    if (!reply_ended(text, "250")) return {named("smtp"), false};
    return smtp_capabilities(text);
  }
  for (std::string_view code : {"500", "502", "503", "530"}) {
    if (!is_reply(text, code)) continue;
    return {service_of("ftp", reply), reply_ended(text, code), {}, "ftp-feat"};
  }
  return {};
}

Heard read_smtp_capabilities(Bytes reply) {
  std::string_view text = text_of(reply);
  if (!is_reply(text, "250")) return {named("smtp", "knows no EHLO"), text.find('\n') != text.npos};
  if (!reply_ended(text, "250")) return {named("smtp"), false};
  return smtp_capabilities(text);
}

ByteString smtp_starttls(std::string_view) { return bytes_of("STARTTLS\r\n"); }  // RFC 3207 §4
Heard read_smtp_starttls(Bytes reply) { return read_go_ahead("smtp", text_of(reply), "220"); }

ByteString ftp_feat(std::string_view) { return bytes_of("FEAT\r\n"); }  // RFC 2389 §3
Heard read_ftp_feat(Bytes reply) {
  std::string_view text = text_of(reply);
  if (!is_reply(text, "211")) return {named("ftp"), text.find('\n') != text.npos};
  if (!reply_ended(text, "211")) return {named("ftp"), false};
  auto tls = line_with(text, "AUTH", 1);  // "AUTH TLS", "AUTH TLS;TLS-C;SSL;"
  if (!tls || !contains_ignoring_case(*tls, "TLS")) return {named("ftp", "offers no AUTH TLS"), true};
  return {named("ftp", "offers AUTH TLS"), true, {}, "ftp-auth-tls"};
}
ByteString ftp_auth_tls(std::string_view) { return bytes_of("AUTH TLS\r\n"); }  // RFC 4217 §4
Heard read_ftp_auth_tls(Bytes reply) { return read_go_ahead("ftp", text_of(reply), "234"); }

ByteString pop3_capa(std::string_view) { return bytes_of("CAPA\r\n"); }  // RFC 2449 §5
Heard read_pop3_capa(Bytes reply) {
  std::string_view text = text_of(reply);
  if (!text.starts_with("+OK")) return {named("pop3"), text.find('\n') != text.npos};
  if (text.find("\n.\r\n") == text.npos) return {named("pop3"), false};
  Heard heard{named("pop3", "offers no STLS"), true};
  if (line_with(text, "STLS", 0)) {
    heard.seen->evidence = "offers STLS";
    heard.then = "pop3-stls";
  }
  if (auto who = line_with(text, "IMPLEMENTATION ", 0)) {
    find_product(*who, mail_products(), *heard.seen);
    if (heard.seen->product.empty()) heard.seen->product = word_of(*who);
  }
  return heard;
}
ByteString pop3_stls(std::string_view) { return bytes_of("STLS\r\n"); }  // RFC 2595 §4
Heard read_pop3_stls(Bytes reply) { return read_go_ahead("pop3", text_of(reply), "+OK"); }

ByteString imap_capability(std::string_view) { return bytes_of("d1 CAPABILITY\r\n"); }  // RFC 9051 §6.1.1
Heard read_imap_capability(Bytes reply) {
  std::string_view text = text_of(reply);
  std::size_t tagged = text.starts_with("d1 ") ? 0 : text.find("\nd1 ");
  if (tagged == text.npos || text.find('\n', tagged + 1) == text.npos) return {named("imap"), false};
  auto capabilities = line_with(text, "CAPABILITY", 2);
  if (!capabilities || !contains_ignoring_case(*capabilities, "STARTTLS"))
    return {named("imap", "offers no STARTTLS"), true};
  return {named("imap", "offers STARTTLS"), true, {}, "imap-starttls"};
}
ByteString imap_starttls(std::string_view) { return bytes_of("d2 STARTTLS\r\n"); }  // RFC 9051 §6.2.1
Heard read_imap_starttls(Bytes reply) { return read_go_ahead("imap", text_of(reply), "d2 OK"); }

}  // namespace demarc::app
