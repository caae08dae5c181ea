// LDAP, DNS and Kerberos over TCP: who are you, asked in the way that every client may.
#include <algorithm>

#include <fmt/format.h>

#include "probes/app/ber.h"
#include "probes/app/codecs.h"
#include "probes/app/der.h"
#include "rules/text/escape.h"

namespace demarc::app {

namespace {

constexpr std::uint16_t kDnsId = 0x6465;
constexpr std::size_t kAttributesMax = 64, kValuesMax = 128, kContextsShown = 4;
constexpr std::string_view kStartTlsOid = "1.3.6.1.4.1.1466.20037";         // RFC 4511 §4.14
constexpr std::string_view kActiveDirectoryOid = "1.2.840.113556.1.4.800";  // MS-ADTS §3.1.1.3.4.3

/// The operation of an LDAPMessage: its id and the element behind (RFC 4511 §4.1.1).
struct Operation {
  std::uint8_t id = 0;
  DerElement element;
};

std::optional<Operation> read_operation(Bytes& in) {
  std::optional<DerElement> message = take_der(in, 0x30);
  if (!message) return std::nullopt;
  std::optional<DerElement> id = take_der(message->content, 0x02);
  std::optional<DerElement> operation = take_der(message->content);
  if (!id || id->content.size() != 1 || !operation) return std::nullopt;
  return Operation{id->content[0], *operation};
}

void read_root_dse(Bytes entry, ServiceSeen& seen, bool& start_tls) {
  take_der(entry, 0x04);  // its name: empty
  std::optional<DerElement> attributes = take_der(entry, 0x30);
  std::string host, fallback;
  std::vector<std::string> contexts;
  for (std::size_t i = 0; attributes && i < kAttributesMax; ++i) {
    std::optional<DerElement> attribute = take_der(attributes->content, 0x30);
    if (!attribute) break;
    std::optional<DerElement> type = take_der(attribute->content, 0x04);
    std::optional<DerElement> values = take_der(attribute->content, 0x31);
    if (!type || !values) continue;
    const std::string_view name = text_of(type->content);
    auto called = [&](std::string_view other) {
      return name.size() == other.size() && contains_ignoring_case(name, other);
    };
    for (std::size_t j = 0; j < kValuesMax; ++j) {
      std::optional<DerElement> value = take_der(values->content, 0x04);
      if (!value) break;
      const std::string_view text = text_of(value->content);
      if (called("vendorName")) seen.product = word_of(text);
      if (called("vendorVersion")) seen.version = word_of(text);
      if (called("dnsHostName")) host = word_of(text);
      if (called("namingContexts") && contexts.size() < kContextsShown) contexts.push_back(word_of(text));
      if (called("supportedExtension") && text == kStartTlsOid) start_tls = true;
      if (called("supportedCapabilities") && text == kActiveDirectoryOid) fallback = "Active Directory";
      if (called("objectClass") && text == "OpenLDAProotDSE") fallback = "OpenLDAP";
    }
  }
  if (seen.product.empty()) seen.product = fallback;
  if (!host.empty()) seen.evidence += ", host " + host;
  for (std::size_t i = 0; i < contexts.size(); ++i) seen.evidence += (i == 0 ? ", holds " : "; ") + contexts[i];
  seen.evidence += start_tls ? ", offers StartTLS" : "";
}

}  // namespace

ByteString ldap_root_dse(std::string_view) {  // RFC 4511 §4.5.1, RFC 4512 §5.1: it is there for anonymous clients
  ByteString attributes, search;
  for (std::string_view name : {"objectClass", "vendorName", "vendorVersion", "namingContexts", "dnsHostName",
                                "supportedExtension", "supportedCapabilities"})
    attributes = attributes + ber(0x04, bytes_of(name));
  ByteWriter s(search);
  s.u8(0x04).u8(0);                                                  // baseObject: the root
  s.u8(0x0A).u8(1).u8(0).u8(0x0A).u8(1).u8(0);                       // baseObject only, never dereference
  s.u8(0x02).u8(1).u8(1).u8(0x02).u8(1).u8(2).u8(0x01).u8(1).u8(0);  // one entry, two seconds, with values
  search = search + ber(0x87, bytes_of("objectClass")) + ber(0x30, attributes);
  return ber(0x30, ber(0x02, {1}) + ber(0x63, search));
}

Heard read_ldap(Bytes reply) {
  ServiceSeen seen;
  seen.name = "ldap";
  bool start_tls = false, any = false, entry = false, done = false;
  Bytes rest = reply;
  for (int i = 0; i < 8 && !done; ++i) {
    std::optional<Operation> operation = read_operation(rest);
    if (!operation) break;
    const std::uint8_t tag = operation->element.tag;
    // SearchResultEntry, SearchResultDone; ExtendedResponse with message id 0 is the notice of disconnection
    // (§4.4.1).
    if (operation->id == 1 && tag == 0x64) {
      seen.evidence = "root DSE";
      read_root_dse(operation->element.content, seen, start_tls);
      any = entry = true;
    } else if ((operation->id == 1 && tag == 0x65) || (operation->id == 0 && tag == 0x78)) {
      if (!entry) seen.evidence = tag == 0x65 ? "search done" : "notice of disconnection";
      any = done = true;
    } else {
      break;
    }
  }
  if (!any) {  // half of an entry: enough of its beginning
    ByteReader in(reply);
    if (in.u8() != 0x30) return {};
    const std::size_t length = in.u8();
    if (length > 0x80) in.skip(length & 0x7F);
    const bool begins = in.u8() == 2 && in.u8() == 1 && in.u8() == 1 && in.u8() == 0x64;
    if (!begins || !in.ok() || length > 0x84) return {};
    seen.evidence = "root DSE";
    return {seen, false};
  }
  return {seen, done, {}, start_tls && done ? "ldap-start-tls" : ""};
}

ByteString ldap_start_tls(std::string_view) {  // RFC 4511 §4.14.1
  return ber(0x30, ber(0x02, {2}) + ber(0x77, ber(0x80, bytes_of(kStartTlsOid))));
}

Heard read_ldap_start_tls(Bytes reply) {
  std::optional<Operation> operation = read_operation(reply);
  ServiceSeen seen;
  seen.name = "ldap";
  if (!operation) return {seen, false};
  if (operation->id != 2 || operation->element.tag != 0x78) return {};
  std::optional<DerElement> code = take_der(operation->element.content, 0x0A);
  const bool willing = code && code->content.size() == 1 && code->content[0] == 0;
  if (!willing) seen.evidence = "refuses to begin TLS";
  return {seen, true, {}, {}, willing};
}

ByteString dns_version_bind(
    std::string_view) {  // RFC 1035 §4.2.2, RFC 4892 §2; a server that will not tell answers REFUSED, which
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

// An AS-REQ (RFC 4120 §5.4.1) for a realm that nobody has: the answer is an error that names the server's own realm
// and its clock. There is no password, and no account, that it could count against.
ByteString kerberos_as_request(std::string_view) {
  const ByteString realm = ber(0x1B, bytes_of("DEMARC.INVALID"));
  auto name = [](std::uint8_t type, const ByteString& parts) {
    return ber(0x30, ber(0xA0, ber(0x02, {type})) + ber(0xA1, ber(0x30, parts)));
  };
  const ByteString client = name(1, ber(0x1B, bytes_of("demarc")));
  const ByteString server = name(2, ber(0x1B, bytes_of("krbtgt")) + realm);
  const ByteString body = ber(0xA0, ber(0x03, {0, 0, 0, 0, 0})) + ber(0xA1, client) + ber(0xA2, realm) +
                          ber(0xA3, server) + ber(0xA5, ber(0x18, bytes_of("20370913024805Z"))) +
                          ber(0xA7, ber(0x02, {0x64, 0x65, 0x6D})) +
                          ber(0xA8, ber(0x30, ber(0x02, {18}) + ber(0x02, {17}) + ber(0x02, {23})));
  const ByteString request =
      ber(0x6A, ber(0x30, ber(0xA1, ber(0x02, {5})) + ber(0xA2, ber(0x02, {10})) + ber(0xA4, ber(0x30, body))));
  ByteString out;
  ByteWriter(out).u32(static_cast<std::uint32_t>(request.size())).bytes(request);  // §7.2.2
  return out;
}

Heard read_kerberos(Bytes reply) {
  if (reply.size() < 12) return {};
  const std::size_t length = be32(reply.data());
  if (length < 8 || length > 64 * 1024 || (reply[4] != 0x7E && reply[4] != 0x6B)) return {};
  ServiceSeen seen;
  seen.name = "kerberos";
  if (reply.size() < length + 4) return {seen, false};
  Bytes message = reply.subspan(4, length);
  std::optional<DerElement> application = take_der(message);
  std::optional<DerElement> fields = application ? take_der(application->content, 0x30) : std::nullopt;
  if (!fields) return {};
  if (application->tag == 0x6B) {
    seen.evidence = "AS-REP";
    return {seen, true};
  }
  std::string realm, time;
  unsigned code = 0;
  for (int i = 0; i < 16; ++i) {
    std::optional<DerElement> field = take_der(fields->content);
    std::optional<DerElement> value = field ? take_der(field->content) : std::nullopt;
    if (!field || !value) break;
    if (field->tag == 0xA0 && (value->content.size() != 1 || value->content[0] != 5)) return {};
    if (field->tag == 0xA4) time = word_of(text_of(value->content));
    if (field->tag == 0xA6 && !value->content.empty()) code = value->content.back();
    if (field->tag == 0xA9) realm = word_of(text_of(value->content));
  }
  seen.evidence = fmt::format("KRB-ERROR {}", code);
  if (!realm.empty() && realm != "DEMARC.INVALID") seen.evidence += ", realm " + realm;
  if (!time.empty()) seen.evidence += ", server time " + time;
  return {seen, true};
}

}  // namespace demarc::app
