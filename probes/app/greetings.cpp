// Line protocols in which the server speaks first. The greeting tells who it is; what may be asked before a login
// (capabilities, STARTTLS) is in starttls.cpp.
#include <algorithm>
#include <cctype>

#include "probes/app/codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

constexpr std::size_t kWordMax = 80;

constexpr std::string_view kMailProducts[] = {"Postfix",   "Exim",     "Sendmail", "Microsoft ESMTP MAIL Service",
                                              "OpenSMTPD", "Exchange", "Haraka",   "Exchange Server",
                                              "Dovecot"};
constexpr std::string_view kFtpProducts[] = {
    "vsFTPd", "ProFTPD", "Pure-FTPd", "FileZilla Server", "Microsoft FTP Service", "pyftpdlib"};

}  // namespace

std::span<const std::string_view> mail_products() { return kMailProducts; }

ServiceSeen service_of(std::string_view name, Bytes reply) {
  ServiceSeen seen;
  seen.name = name;
  seen.evidence = evidence_of(reply.first(std::min(reply.size(), first_line(text_of(reply)).size())));
  return seen;
}

void find_product(std::string_view line, std::span<const std::string_view> products, ServiceSeen& seen) {
  for (std::string_view product : products) {
    auto at = std::search(line.begin(), line.end(), product.begin(), product.end(), [](char a, char b) {
      return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
    });
    if (at == line.end()) continue;
    seen.product = product;
    std::string_view rest(at + static_cast<std::ptrdiff_t>(product.size()), line.end());
    std::size_t digit = rest.find_first_not_of(" /_-v(");
    if (digit != rest.npos && rest[digit] >= '0' && rest[digit] <= '9') {
      std::size_t end = rest.find_first_of(" )(;,\r\n", digit);
      seen.version = word_of(rest.substr(digit, end == rest.npos ? rest.npos : end - digit));
    }
    return;
  }
}

bool is_reply(std::string_view text, std::string_view code) {
  return text.size() > code.size() && text.substr(0, code.size()) == code &&
         (text[code.size()] == ' ' || text[code.size()] == '-');
}

bool reply_ended(std::string_view text, std::string_view code) {
  while (!text.empty()) {
    bool whole = false;
    std::string_view line = first_line(text, &whole);
    if (!whole) return false;
    if (line.size() >= code.size() && line.substr(0, code.size()) == code &&
        (line.size() == code.size() || line[code.size()] == ' '))
      return true;
    text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
  }
  return false;
}

std::string evidence_of(Bytes bytes) {
  return bytes_escaped(text_of(bytes.first(std::min(bytes.size(), kEvidenceMax))));
}

std::string word_of(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return bytes_escaped(text.substr(0, kWordMax));
}

std::string_view first_line(std::string_view text, bool* whole) {
  std::size_t end = text.find('\n');
  if (whole != nullptr) *whole = end != text.npos;
  std::string_view line = text.substr(0, end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

bool contains_ignoring_case(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(), [](char a, char b) {
           return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
         }) != text.end();
}

Heard read_ssh(Bytes reply) {  // RFC 4253 §4.2; other lines may come before the version
  std::string_view text = text_of(reply);
  for (int i = 0; i < 32 && !text.empty(); ++i) {
    bool whole = false;
    std::string_view line = first_line(text, &whole);
    if (line.starts_with("SSH-") && line.size() > 8 && line.find('-', 4) != line.npos) {
      ServiceSeen seen;
      seen.name = "ssh";
      seen.evidence = bytes_escaped(line.substr(0, kEvidenceMax));
      std::string_view software = line.substr(line.find('-', 4) + 1);
      software = software.substr(0, software.find(' '));
      std::size_t split = software.find_first_of("_-");
      seen.product = word_of(software.substr(0, split));
      if (split != software.npos) seen.version = word_of(software.substr(split + 1));
      return {seen, whole, {}};
    }
    if (!whole || i > 0) return {std::nullopt, true, {}};  // a banner of one line at most: more is another protocol
    text.remove_prefix(text.find('\n') + 1);
  }
  return {std::nullopt, true, {}};
}

Heard read_smtp(Bytes reply) {
  std::string_view text = text_of(reply);
  for (std::string_view code :
       {"220", "554", "421"}) {  // 554, 421: "no SMTP service here", still SMTP (RFC 5321 §3.1)
    if (!is_reply(text, code)) continue;
    std::string_view line = first_line(text);
    if (contains_ignoring_case(line, "FTP") && !contains_ignoring_case(line, "SMTP")) return {};
    bool says_so = contains_ignoring_case(text, "SMTP") || contains_ignoring_case(text, "Postfix") ||
                   contains_ignoring_case(text, "Exim");
    if (!says_so && code != "220") return {};
    ServiceSeen seen = service_of("smtp", reply);
    find_product(text, kMailProducts, seen);
    Heard heard{seen, reply_ended(text, code)};
    // A bare 220 may be FTP as well: EHLO tells.
    if (heard.complete && code == "220") heard.then = says_so ? "smtp-capabilities" : "smtp-ehlo";
    return heard;
  }
  return {};
}

Heard read_ftp(Bytes reply) {
  std::string_view text = text_of(reply);
  for (std::string_view code : {"220", "120", "421"}) {  // RFC 959 §5.4
    if (!is_reply(text, code)) continue;
    bool says_so = contains_ignoring_case(text, "FTP") || contains_ignoring_case(text, "FileZilla");
    if (contains_ignoring_case(text, "SMTP") || (!says_so && code != "220")) return {};
    ServiceSeen seen = service_of("ftp", reply);
    find_product(text, kFtpProducts, seen);
    Heard heard{seen, reply_ended(text, code)};
    if (heard.complete && code == "220") heard.then = says_so ? "ftp-feat" : "smtp-ehlo";
    return heard;
  }
  return {};
}

Heard read_pop3(Bytes reply) {  // RFC 1939 §4
  std::string_view text = text_of(reply);
  if (!text.starts_with("+OK")) return {};
  if (text.size() > 3 && text[3] != ' ' && text[3] != '\r' && text[3] != '\n') return {};
  ServiceSeen seen = service_of("pop3", reply);
  find_product(first_line(text), kMailProducts, seen);
  return {seen, text.find('\n') != text.npos, {}, "pop3-capa"};
}

Heard read_imap(Bytes reply) {  // RFC 9051 §7.1
  std::string_view text = text_of(reply);
  if (!text.starts_with("* OK") && !text.starts_with("* PREAUTH") && !text.starts_with("* BYE")) return {};
  ServiceSeen seen = service_of("imap", reply);
  find_product(first_line(text), kMailProducts, seen);
  Heard heard{seen, text.find('\n') != text.npos};
  if (text.starts_with("* OK"))  // the greeting may bring the capabilities along
    heard.then = contains_ignoring_case(first_line(text), "STARTTLS") ? "imap-starttls" : "imap-capability";
  if (heard.then == "imap-starttls") heard.seen->evidence += "; offers STARTTLS";
  return heard;
}

Heard read_nntp(Bytes reply) {  // RFC 3977 §5.1; "200" alone could be anybody's
  std::string_view text = text_of(reply);
  if (!is_reply(text, "200") && !is_reply(text, "201")) return {};
  std::string_view line = first_line(text);
  constexpr std::string_view kProducts[] = {"InterNetNews", "Leafnode"};
  if (!contains_ignoring_case(line, "NNTP") && !contains_ignoring_case(line, "InterNetNews") &&
      !contains_ignoring_case(line, "Leafnode"))
    return {};
  ServiceSeen seen = service_of("nntp", reply);
  find_product(line, kProducts, seen);
  return {seen, text.find('\n') != text.npos};
}

Heard read_irc(Bytes reply) {  // RFC 2812 §2.3.1: servers chat before anybody registers
  std::string_view text = text_of(reply), line = first_line(text);
  bool notice = line.starts_with("NOTICE AUTH :") || line.starts_with("NOTICE * :");
  if (!notice && line.starts_with(":")) {
    std::size_t blank = line.find(' ');
    std::string_view rest = blank == line.npos ? std::string_view() : line.substr(blank + 1);
    notice = rest.starts_with("NOTICE AUTH :") || rest.starts_with("NOTICE * :");
  }
  if (!notice) return {};
  return {service_of("irc", reply), text.find('\n') != text.npos};
}

Heard read_rsync(Bytes reply) {
  std::string_view text = text_of(reply);
  if (!text.starts_with("@RSYNCD: ")) return {};
  ServiceSeen seen = service_of("rsync", reply);
  std::string_view line = first_line(text);
  line.remove_prefix(std::min<std::size_t>(9, line.size()));
  seen.version = word_of(line.substr(0, line.find(' ')));
  return {seen, text.find('\n') != text.npos, {}};
}

}  // namespace demarc::app
