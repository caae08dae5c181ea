// LDAP and DNS over TCP: who are you, asked in the way that every client may.
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/codecs.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

void ber(ByteWriter& out, std::uint8_t tag, const ByteString& content) {  // short lengths suffice for what we send
  out.u8(tag).u8(static_cast<unsigned>(content.size())).bytes(content);
}

constexpr std::uint16_t kDnsId = 0x6465;

}  // namespace

ByteString ldap_root_dse() {  // RFC 4511 §4.5.1, RFC 4512 §5.1: the root DSE is there for anonymous clients
  ByteString attributes, search, message, out;
  ByteWriter a(attributes);
  for (std::string_view name : {"vendorName", "supportedLDAPVersion", "dnsHostName"}) ber(a, 0x04, bytes_of(name));
  ByteWriter s(search);
  ber(s, 0x04, {});                                                  // baseObject: the root
  s.u8(0x0A).u8(1).u8(0).u8(0x0A).u8(1).u8(0);                       // baseObject only, never dereference
  s.u8(0x02).u8(1).u8(1).u8(0x02).u8(1).u8(2).u8(0x01).u8(1).u8(0);  // one entry, two seconds, with values
  ber(s, 0x87, bytes_of("objectClass"));
  ber(s, 0x30, attributes);
  ByteWriter m(message);
  m.u8(0x02).u8(1).u8(1);
  ber(m, 0x63, search);
  ByteWriter o(out);
  ber(o, 0x30, message);
  return out;
}

Heard read_ldap(Bytes reply) {
  ByteReader in(reply);
  if (in.u8() != 0x30) return {};
  std::size_t length = in.u8();
  if (length >= 0x80) {
    std::size_t count = length & 0x7F;
    if (count == 0 || count > 4) return {};
    length = 0;
    for (std::size_t i = 0; i < count; ++i) length = (length << 8) | in.u8();
  }
  if (!in.ok() || length < 7) return {};
  if (in.u8() != 0x02 || in.u8() != 1) return {};
  std::uint8_t id = in.u8(), operation = in.u8();
  // SearchResultEntry, SearchResultDone; ExtendedResponse with message id 0 is the notice of disconnection
  // (§4.4.1).
  if (!in.ok() || !((id == 1 && (operation == 0x64 || operation == 0x65)) || (id == 0 && operation == 0x78)))
    return {};
  ServiceSeen seen;
  seen.name = "ldap";
  seen.evidence = operation == 0x64 ? "root DSE" : operation == 0x65 ? "search done" : "notice of disconnection";
  std::string_view text = text_of(reply);
  std::size_t vendor = text.find("vendorName");
  if (vendor != text.npos && vendor + 14 <= text.size()) {  // the value: a set (31 xx) of octet strings (04 xx)
    std::string_view value = text.substr(vendor + 10);
    if (value.size() >= 4 && value[0] == '\x31' && value[2] == '\x04')
      seen.product = word_of(value.substr(4, static_cast<std::uint8_t>(value[3])));
  }
  return {seen, operation != 0x64 || reply.size() >= length, {}};
}

ByteString dns_version_bind() {  // RFC 1035 §4.2.2, RFC 4892 §2; a server that will not tell answers REFUSED, which
                                 // is an answer
  ByteString query, out;
  ByteWriter q(query);
  q.u16(kDnsId).u16(0).u16(1).u16(0).u16(0).u16(0);
  q.u8(7).bytes(bytes_of("version")).u8(4).bytes(bytes_of("bind")).u8(0).u16(16).u16(3);
  ByteWriter w(out);
  w.u16(static_cast<unsigned>(query.size())).bytes(query);
  return out;
}

Heard read_dns(Bytes reply) {
  if (reply.size() < 14) return {};
  std::size_t length = be16(reply.data());
  if (length < 12 || be16(&reply[2]) != kDnsId || (reply[4] & 0x80) == 0) return {};
  ServiceSeen seen;
  seen.name = "dns";
  unsigned code = reply[5] & 15U;
  seen.evidence = fmt::format("response, rcode {}", code);
  if (reply.size() < length + 2) return {seen, false, {}};
  ByteReader in(reply.subspan(2, length));
  in.skip(4);
  std::uint16_t questions = in.u16(), answers = in.u16();
  in.skip(4);
  auto skip_name = [&] {
    for (int labels = 0; labels < 128 && in.ok(); ++labels) {
      std::uint8_t size = in.u8();
      if (size == 0) return;
      if (size >= 0xC0) return in.skip(1);
      in.skip(size);
    }
  };
  for (int i = 0; i < questions && i < 4; ++i) {
    skip_name();
    in.skip(4);
  }
  for (int i = 0; i < answers && i < 4 && in.ok(); ++i) {
    skip_name();
    std::uint16_t type = in.u16();
    in.skip(6);
    ByteReader data(in.bytes(in.u16()));
    if (type != 16 || !in.ok()) continue;
    std::string text = word_of(text_of(data.bytes(data.u8())));
    if (text.empty()) continue;
    // "9.18.24-1-Debian" is BIND's own way; others say their name first.
    if (text[0] >= '0' && text[0] <= '9') {
      seen.version = text;
    } else {
      std::size_t blank = text.find_first_of(" -");
      seen.product = text.substr(0, blank);
      if (blank != text.npos) seen.version = text.substr(blank + 1);
    }
    break;
  }
  return {seen, true, {}};
}

}  // namespace demarc::app
