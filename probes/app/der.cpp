#include "probes/app/der.h"

#include <algorithm>
#include <string_view>

#include "rules/net/address.h"
#include "rules/text/escape.h"

namespace demarc {

std::optional<DerElement> take_der(Bytes& in) {
  if (in.size() < 2) return std::nullopt;
  std::uint8_t tag = in[0];
  if ((tag & 0x1F) == 0x1F) return std::nullopt;  // tags of several bytes do not occur in certificates
  std::size_t length = in[1], header = 2;
  if (length >= 0x80) {
    std::size_t count = length & 0x7F;
    if (count == 0 || count > 4 || in.size() < 2 + count) return std::nullopt;  // DER has no indefinite length
    length = 0;
    for (std::size_t i = 0; i < count; ++i) length = (length << 8) | in[2 + i];
    header += count;
  }
  if (in.size() - header < length) return std::nullopt;
  DerElement element{tag, in.subspan(header, length)};
  in = in.subspan(header + length);
  return element;
}

std::optional<DerElement> take_der(Bytes& in, std::uint8_t tag) {
  Bytes before = in;
  std::optional<DerElement> element = take_der(in);
  if (element && element->tag == tag) return element;
  in = before;
  return std::nullopt;
}

namespace {

constexpr std::size_t kNamesMax = 64, kNameLengthMax = 253, kExtensionsMax = 64, kAttributesMax = 64;

constexpr std::uint8_t kBoolean = 0x01, kInteger = 0x02, kOctetString = 0x04, kOid = 0x06, kUtcTime = 0x17,
                       kGeneralizedTime = 0x18, kSequence = 0x30, kSet = 0x31, kVersion = 0xA0, kExtensions = 0xA3,
                       kDnsName = 0x82, kIpAddress = 0x87;

using Element = DerElement;
constexpr auto take = [](Bytes& in, auto... tag) { return take_der(in, tag...); };

bool is(Bytes content, std::initializer_list<std::uint8_t> expected) {
  return std::equal(content.begin(), content.end(), expected.begin(), expected.end());
}

std::string text_of(Bytes content) {
  std::string_view text(reinterpret_cast<const char*>(content.data()), std::min(content.size(), kNameLengthMax));
  return bytes_escaped(text);
}

/// RFC 5280 §4.1.2.5: YYMMDDHHMMSSZ with a pivot at 1950, or YYYYMMDDHHMMSSZ.
std::optional<Timestamp> time_of(const Element& element) {
  std::string_view text(reinterpret_cast<const char*>(element.content.data()), element.content.size());
  std::size_t year_digits = element.tag == kUtcTime ? 2 : element.tag == kGeneralizedTime ? 4 : 0;
  if (year_digits == 0 || text.size() != year_digits + 11 || text.back() != 'Z') return std::nullopt;
  text.remove_suffix(1);
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  auto number = [&](std::size_t at, std::size_t count) {
    int value = 0;
    for (char c : text.substr(at, count)) value = value * 10 + (c - '0');
    return value;
  };
  int year = number(0, year_digits);
  if (year_digits == 2) year += year >= 50 ? 1900 : 2000;
  // "No expiry" is written 99991231235959Z; Timestamp ends in 2262.
  year = std::clamp(year, 1900, 2261);
  std::size_t at = year_digits;
  Date day{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(number(at, 2))},
           std::chrono::day{static_cast<unsigned>(number(at + 2, 2))}};
  int hour = number(at + 4, 2), minute = number(at + 6, 2), second = number(at + 8, 2);
  if (!day.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  auto days = std::chrono::sys_days(day).time_since_epoch();
  return Timestamp(Nanoseconds(days) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
                   std::chrono::seconds(second));
}

/// The common name; the organisation (2.5.4.10) where there is none and it will do.
std::string name_of(Bytes subject, bool or_organisation) {
  std::string found, organisation;
  for (std::size_t i = 0; i < kAttributesMax; ++i) {
    std::optional<Element> set = take(subject, kSet);
    if (!set) break;
    std::optional<Element> attribute = take(set->content, kSequence);
    if (!attribute) continue;
    std::optional<Element> oid = take(attribute->content, kOid);
    std::optional<Element> value = take(attribute->content);
    if (oid && value && is(oid->content, {0x55, 0x04, 0x03}))
      found = text_of(value->content);  // 2.5.4.3; the last one counts
    if (oid && value && is(oid->content, {0x55, 0x04, 0x0A})) organisation = text_of(value->content);
  }
  return found.empty() && or_organisation ? organisation : found;
}

void alternative_names(Bytes octets, std::vector<std::string>& names) {
  std::optional<Element> list = take(octets, kSequence);
  if (!list) return;
  while (names.size() < kNamesMax) {
    std::optional<Element> name = take(list->content);
    if (!name) return;
    if (name->tag == kDnsName) names.push_back(text_of(name->content));
    if (name->tag == kIpAddress && name->content.size() == 4)
      names.push_back(to_string(Address::from_ipv4_bytes(name->content.data())));
    if (name->tag == kIpAddress && name->content.size() == 16)
      names.push_back(to_string(Address::from_ipv6_bytes(name->content.data())));
  }
}

}  // namespace

std::optional<CertificateFacts> read_certificate(Bytes der) {
  std::optional<Element> certificate = take(der, kSequence);
  if (!certificate) return std::nullopt;
  std::optional<Element> to_be_signed = take(certificate->content, kSequence);
  if (!to_be_signed) return std::nullopt;
  Bytes rest = to_be_signed->content;
  take(rest, kVersion);                             // optional, default v1
  if (!take(rest, kInteger)) return std::nullopt;   // serialNumber
  if (!take(rest, kSequence)) return std::nullopt;  // signature
  std::optional<Element> issuer = take(rest, kSequence);
  if (!issuer) return std::nullopt;
  std::optional<Element> validity = take(rest, kSequence);
  std::optional<Element> subject = take(rest, kSequence);
  if (!validity || !subject) return std::nullopt;

  CertificateFacts facts;
  take(validity->content);  // notBefore
  if (std::optional<Element> not_after = take(validity->content)) facts.not_after = time_of(*not_after);
  facts.common_name = name_of(subject->content, false);
  facts.issuer = name_of(issuer->content, true);
  take(rest, kSequence);  // subjectPublicKeyInfo
  while (std::optional<Element> optional_part = take(rest)) {
    if (optional_part->tag != kExtensions) continue;
    std::optional<Element> list = take(optional_part->content, kSequence);
    for (std::size_t i = 0; list && i < kExtensionsMax; ++i) {
      std::optional<Element> extension = take(list->content, kSequence);
      if (!extension) break;
      std::optional<Element> oid = take(extension->content, kOid);
      take(extension->content, kBoolean);  // critical
      std::optional<Element> value = take(extension->content, kOctetString);
      if (oid && value && is(oid->content, {0x55, 0x1D, 0x11}))
        alternative_names(value->content, facts.names);  // 2.5.29.17
    }
  }
  return facts;
}

std::vector<std::string> names_of(const CertificateFacts& facts) {
  if (facts.names.empty() && !facts.common_name.empty()) return {facts.common_name};
  return facts.names;
}

std::string describe(const CertificateFacts& facts) {
  constexpr std::size_t kNamesShown = 4;
  std::string text = "certificate of ";
  const std::vector<std::string> names = names_of(facts);
  for (std::size_t i = 0; i < std::min(kNamesShown, names.size()); ++i) text += (i ? ", " : "") + names[i];
  if (names.empty()) text += "nobody";
  if (facts.not_after) text += " until " + to_string(*facts.not_after);
  if (!facts.issuer.empty()) text += ", issued by " + facts.issuer;
  return text;
}

}  // namespace demarc
