// What clients say first, in lines. User names, passwords and paths stay out of the evidence: they are not needed
// to tell the protocol, and a report is read by many.
#include <fmt/format.h>

#include <algorithm>

#include "probes/app/overheard_codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

constexpr std::size_t kHeadersMax = 64;

bool begins(std::string_view text, std::string_view word) {  // `word` in capitals
  if (text.size() < word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char c = text[i] >= 'a' && text[i] <= 'z' ? static_cast<char>(text[i] - 32) : text[i];
    if (c != word[i]) return false;
  }
  return true;
}

/// One of these commands, as a whole line or before a blank; the command is the evidence.
Seen command(Bytes first, std::string_view service, std::initializer_list<std::string_view> words) {
  bool whole = false;
  const std::string_view line = first_line(text_of(first), &whole);
  if (!whole || line.size() > 1024) return std::nullopt;
  for (const std::string_view word : words)
    if (begins(line, word) && (line.size() == word.size() || line[word.size()] == ' '))
      return speaks(service, fmt::format("client: {}", word));
  return std::nullopt;
}

/// "METHOD target PROTOCOL/1.x"
bool is_request(std::string_view line, std::string_view protocol, std::string_view& method,
                std::string_view& target) {
  const std::size_t blank = line.find(' '), last = line.rfind(' ');
  if (blank == line.npos || last <= blank + 1 || blank == 0 || blank > 24) return false;
  method = line.substr(0, blank);
  target = line.substr(blank + 1, last - blank - 1);
  if (!std::all_of(method.begin(), method.end(),
                   [](char c) { return (c >= 'A' && c <= 'Z') || c == '_' || c == '-'; }))
    return false;
  const std::string_view version = line.substr(last + 1);
  return version.size() == protocol.size() + 4 && version.starts_with(protocol) && version[protocol.size()] == '/';
}

std::string_view header(std::string_view text, std::string_view name) {
  for (std::size_t i = 0; i < kHeadersMax; ++i) {
    bool whole = false;
    const std::string_view line = first_line(text, &whole);
    if (!whole || line.empty()) break;
    if (line.size() > name.size() && begins(line, name) && line[name.size()] == ':') {
      std::string_view value = line.substr(name.size() + 1);
      value.remove_prefix(std::min(value.size(), value.find_first_not_of(" \t")));
      return value;
    }
    text.remove_prefix(text.find('\n') + 1);
  }
  return {};
}

}  // namespace

Seen hear_ssh(Bytes first) {  // RFC 4253 §4.2: the client's version has the same form
  const Heard heard = read_ssh(first);
  if (!heard.seen || !text_of(first).starts_with("SSH-")) return std::nullopt;
  return speaks("ssh", "client: " + heard.seen->evidence);
}

Seen hear_http(Bytes first) {
  const std::string_view text = text_of(first);
  if (text.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n")) return speaks("http", "client: HTTP/2 (RFC 9113 §3.4)");
  // A long target may run out of the first segment, or of what the capture kept: a method that only HTTP has, and
  // a path, are enough.
  bool whole = false;
  const std::string_view line = first_line(text, &whole);
  std::string_view method, target;
  if (!whole) {
    for (const std::string_view word : {"GET /", "POST /", "HEAD /", "PUT /"})
      if (line.starts_with(word) && line.size() > 32 && line.find(' ', word.size()) == line.npos)
        return speaks("http", fmt::format("client: {}", word.substr(0, word.find(' '))));
    return std::nullopt;
  }
  if (!is_request(line, "HTTP", method, target)) return std::nullopt;
  std::string evidence = fmt::format("client: {}", method);
  if (const std::string_view host = header(text, "HOST"); !host.empty()) evidence += ", host " + word_of(host);
  if (method == "CONNECT") evidence += ", a tunnel to " + word_of(target);
  return speaks("http", evidence);
}

Seen hear_rtsp(Bytes first) {
  std::string_view method, target;
  bool whole = false;
  if (!is_request(first_line(text_of(first), &whole), "RTSP", method, target) || !whole) return std::nullopt;
  return speaks("rtsp", fmt::format("client: {}", method));
}

Seen hear_sip(Bytes first) {
  std::string_view method, target;
  bool whole = false;
  if (!is_request(first_line(text_of(first), &whole), "SIP", method, target) || !whole) return std::nullopt;
  return speaks("sip", fmt::format("client: {}", method));
}

Seen hear_smtp(Bytes first) { return command(first, "smtp", {"EHLO", "HELO", "LHLO"}); }
// USER alone may be POP3's as well, and without an argument behind it IRC's.
Seen hear_ftp(Bytes first) {
  return command(first, "ftp", {"AUTH TLS", "AUTH SSL", "FEAT", "SYST", "OPTS UTF8", "USER ANONYMOUS", "USER FTP"});
}
Seen hear_ftp_after_greeting(Bytes first) {
  return command(first, "ftp", {"USER", "AUTH", "FEAT", "SYST", "OPTS"});
}
Seen hear_pop3(Bytes first) { return command(first, "pop3", {"CAPA", "APOP", "STLS"}); }
Seen hear_nntp(Bytes first) { return command(first, "nntp", {"MODE READER", "CAPABILITIES", "AUTHINFO USER"}); }
Seen hear_irc(Bytes first) { return command(first, "irc", {"NICK", "CAP LS"}); }

Seen hear_imap(Bytes first) {  // RFC 9051 §2.2.1: a tag, then a command
  bool whole = false;
  std::string_view line = first_line(text_of(first), &whole);
  const std::size_t blank = line.find(' ');
  if (!whole || blank == line.npos || blank == 0 || blank > 16) return std::nullopt;
  if (!std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(blank), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.';
      }))
    return std::nullopt;
  line.remove_prefix(blank + 1);
  for (const std::string_view word : {"CAPABILITY", "STARTTLS", "LOGIN", "AUTHENTICATE", "ID ("})
    if (begins(line, word)) return speaks("imap", fmt::format("client: {}", word.substr(0, word.find(' '))));
  return std::nullopt;
}

Seen hear_redis(Bytes first) {  // RESP: "*1\r\n$4\r\nPING\r\n"
  std::string_view text = text_of(first);
  if (text.size() < 8 || text[0] != '*') return std::nullopt;
  bool whole = false;
  const std::string_view count = first_line(text, &whole).substr(1);
  if (!whole || count.empty() || count.size() > 4 || count.find_first_not_of("0123456789") != count.npos)
    return std::nullopt;
  text.remove_prefix(text.find('\n') + 1);
  if (text.size() < 4 || text[0] != '$' || text[1] < '1' || text[1] > '9') return std::nullopt;
  return speaks("redis", fmt::format("client: a command of {} words", count));
}

Seen hear_memcached(Bytes first) {
  if (first.size() >= 24 && first[0] == 0x80 && first[1] <= 0x24 && first[5] == 0) {  // the binary protocol
    if (be32(&first[8]) == first.size() - 24 && be16(&first[6]) == 0) return speaks("memcached", "client: binary");
  }
  const std::string_view text = text_of(first);
  if (text == "version\r\n" || text == "stats\r\n")
    return speaks("memcached", "client: " + word_of(first_line(text)));
  bool whole = false;
  std::string_view line = first_line(text, &whole);
  for (const std::string_view word : {"get ", "gets ", "set ", "add ", "mg ", "ms "}) {
    if (!whole || !line.starts_with(word) || line.size() < word.size() + 1 || line.size() > 300) continue;
    const std::size_t blanks = static_cast<std::size_t>(std::count(line.begin(), line.end(), ' '));
    if ((word == "set " || word == "add ") && blanks != 4 && blanks != 5) continue;
    return speaks("memcached", fmt::format("client: {}", word.substr(0, word.size() - 1)));
  }
  return std::nullopt;
}

Seen hear_zookeeper(Bytes first) {
  for (const std::string_view word : {"ruok", "srvr", "mntr", "stat", "conf"})
    if (const std::string_view text = text_of(first); text == word || first_line(text) == word)
      return speaks("zookeeper", fmt::format("client: {}", word));
  return std::nullopt;
}

Seen hear_git(Bytes first) {
  const std::string_view text = text_of(first);
  if (text.size() < 24) return std::nullopt;
  for (const std::string_view word : {"git-upload-pack /", "git-receive-pack /", "git-upload-archive /"})
    if (text.substr(4).starts_with(word))
      return speaks("git", fmt::format("client: {}", word.substr(0, word.size() - 2)));
  return std::nullopt;
}

Seen hear_rsync(Bytes first) {
  if (!text_of(first).starts_with("@RSYNCD: ")) return std::nullopt;
  return speaks("rsync", "client: " + word_of(first_line(text_of(first))));
}

Seen hear_vnc(Bytes first) {
  const Heard heard = read_vnc(first);
  if (!heard.seen) return std::nullopt;
  return speaks("vnc", "client: " + heard.seen->evidence);
}

Seen hear_telnet(Bytes first) {
  if (!read_telnet(first).seen) return std::nullopt;
  return speaks("telnet", "client: options");
}

Seen hear_ssdp(Bytes first) {  // UPnP Device Architecture 1.1 §1.2 and §1.3
  const std::string_view text = text_of(first);
  if (text.starts_with("M-SEARCH * HTTP/1.1\r\n")) return speaks("ssdp", "client: M-SEARCH");
  if (text.starts_with("NOTIFY * HTTP/1.1\r\n")) return speaks("ssdp", "NOTIFY");
  return std::nullopt;
}

}  // namespace demarc::app
