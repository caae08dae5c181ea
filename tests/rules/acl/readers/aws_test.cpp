#include <doctest/doctest.h>

#include "tests/rules/acl/readers/ask.h"
#include "tests/rules/acl/readers/cloud_samples.h"

namespace demarc {
namespace {

using ask::icmp;
using ask::packet;

Device read(std::string text) {
  return read_configuration(Source("aws.json", std::move(text)), Dialect::aws).value();
}
std::string fate(const Device& d, const ConcretePacket& p, const char* in, const char* out) {
  const std::string a = ask::way(d, p, in, out);
  return a.substr(0, a.find(' '));
}
const char *const kOut = "198.51.100.7", *const kWeb = "10.0.1.10", *const kDb = "10.0.2.33";

TEST_CASE("groups and network ACLs stand around each interface") {
  const Device d = read(samples::kAws);
  CHECK(d.coverage.not_understood == 0);
  CHECK(d.coverage.in_part == 1);  // the prefix list
  CHECK(!d.replies_implied);       // the ACLs have no state
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 443), "outside", "eni-web") == "permit");
  CHECK(fate(d, packet("2001:db8::1", "2001:db8::2", Protocol::tcp, 443), "outside", "eni-web") ==
        "deny");  // the ACL
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 80), "outside", "i-web") == "deny");
  CHECK(fate(d, icmp(kOut, kWeb, 8), "outside", "eni-web") == "permit");
  CHECK(fate(d, icmp(kOut, kWeb, 13), "outside", "eni-web") == "deny");
  CHECK(fate(d, icmp("203.0.113.9", kWeb, 8), "outside", "eni-web") == "deny");
  // Between the two: the web server's group outward, the subnets' ACLs, the database's group inward.
  CHECK(fate(d, packet(kWeb, kDb, Protocol::tcp, 1433), "eni-web", "eni-db") == "permit");
  CHECK(fate(d, packet(kWeb, kDb, Protocol::tcp, 1434), "eni-web", "eni-db") == "deny");
  CHECK(fate(d, packet(kOut, kDb, Protocol::tcp, 1433), "outside", "eni-db") == "deny");
  // The admin network may do everything by the group, and nothing by the ACL.
  CHECK(ask::list(d, "sg-db inbound", packet("198.51.100.20", kDb, Protocol::udp, 53)) == "permit 24");
  CHECK(fate(d, packet("198.51.100.20", kDb, Protocol::udp, 53), "outside", "eni-db") == "deny");
  // Replies: the group lets them by, the ACL must permit them.
  ConcretePacket reply = packet(kDb, kWeb, Protocol::tcp, 40000, 1433);
  CHECK(fate(d, reply, "eni-db", "eni-web") == "deny");
  reply.context.state = ConnectionState::established;
  CHECK(fate(d, reply, "eni-db", "eni-web") == "permit");
  reply.packet.port = Port(80);
  CHECK(fate(d, reply, "eni-db", "eni-web") == "deny");
  // What the prefix list holds is not known; the metadata service is not filtered.
  CHECK(fate(d, packet(kWeb, "203.0.113.99", Protocol::tcp, 443), "eni-web", "outside") == "undetermined");
  CHECK(fate(d, packet(kWeb, "203.0.113.99", Protocol::tcp, 80), "eni-web", "outside") == "deny");
  CHECK(fate(d, packet(kWeb, "169.254.169.254", Protocol::tcp, 80), "eni-web", "outside") == "permit");
  CHECK(fate(d, packet(kDb, "203.0.113.99", Protocol::tcp, 443), "eni-db", "outside") == "deny");
}

TEST_CASE("a network ACL is asked in the order of its numbers") {
  const Device d = read(samples::kAws);
  const List& list = d.lists[d.find_list("acl-back inbound")];
  REQUIRE(list.entries.size() == 3);
  CHECK(list.entries[1].text == "90 allow icmp 8 from 0.0.0.0/0");
  CHECK(list.entries[2].text == "100 allow tcp 1433 from 10.0.1.0/24");
  CHECK(list.at_end_line == 43);
  CHECK(ask::list(d, "acl-back inbound", icmp(kOut, kDb, 8)) == "permit 46");
}

TEST_CASE("addresses, translations, remarks and uses are kept") {
  const Device d = read(samples::kAws);
  const Interface& web = d.interfaces[*d.find_interface("eni-web")];
  CHECK(web.nameif == "i-web");
  CHECK(to_string(web.networks[0]) == "10.0.1.10");
  REQUIRE(d.nats.size() == 2);
  CHECK(to_string(*d.nats[0].to) == kWeb);
  CHECK(to_string(*d.nats[1].to) == "203.0.113.10");
  const List& list = d.lists[d.find_list("sg-web inbound")];
  CHECK(list.entries[2].remark == "the public site");
  CHECK(list.entries[2].text == "tcp 443 from 0.0.0.0/0");
  for (const NamedObject& o : d.objects) CHECK(o.uses > 0);
}

TEST_CASE("without interfaces a group stands alone, and groups named in it are not decided") {
  const Device d = read(R"([{"GroupId": "sg-a", "GroupName": "a", "IpPermissions": [
    {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": "sg-b"}]},
    {"IpProtocol": "17", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}],
    "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}])");
  CHECK(d.replies_implied);
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 22), "outside", "sg-a") == "undetermined");
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 23), "outside", "a") == "deny");
  CHECK(fate(d, packet("192.0.2.9", kWeb, Protocol::udp, 53), "outside", "sg-a") == "permit");
  CHECK(fate(d, packet(kWeb, kOut, Protocol::tcp, 23), "sg-a", "outside") == "permit");
  bool said = false;
  for (const Diagnostic& x : d.diagnostics.all())
    said = said || x.error.what.find("network ACLs") != std::string::npos;
  CHECK(said);
}

TEST_CASE("rules one by one, a prefix list in the document, a group that is not there") {
  const Device d = read(R"({"SecurityGroupRules": [
    {"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-a", "IsEgress": false, "IpProtocol": "tcp", "FromPort": 443,
     "ToPort": 443, "PrefixListId": "pl-1"},
    {"SecurityGroupRuleId": "sgr-2", "GroupId": "sg-a", "IsEgress": true, "IpProtocol": "-1", "FromPort": -1,
     "ToPort": -1, "CidrIpv4": "10.0.0.0/8"}],
    "PrefixLists": [{"PrefixListId": "pl-1", "Cidrs": ["192.0.2.0/24", "198.51.100.0/24"]}]}
    {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.0.1",
     "Groups": [{"GroupId": "sg-a"}]}, {"NetworkInterfaceId": "eni-2", "PrivateIpAddress": "10.0.0.2",
     "Groups": [{"GroupId": "sg-gone"}]}]})");
  CHECK(fate(d, packet(kOut, "10.0.0.1", Protocol::tcp, 443), "outside", "eni-1") == "permit");
  CHECK(fate(d, packet("203.0.113.1", "10.0.0.1", Protocol::tcp, 443), "outside", "eni-1") == "deny");
  CHECK(fate(d, packet("10.0.0.1", "10.9.9.9", Protocol::tcp, 443), "eni-1", "outside") == "permit");
  CHECK(fate(d, packet(kOut, "10.0.0.2", Protocol::tcp, 443), "outside", "eni-2") == "undetermined");
}

TEST_CASE("an ACL of a subnet that nobody names is one of the VPC's") {
  const Device d = read(R"({"SecurityGroups": [{"GroupId": "sg-a", "VpcId": "v", "IpPermissions": [
      {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}], "IpPermissionsEgress": []}],
    "NetworkAcls": [
      {"NetworkAclId": "acl-1", "VpcId": "v", "Associations": [{"SubnetId": "s1"}], "Entries": [
        {"RuleNumber": 1, "Egress": false, "Protocol": "6", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}]},
      {"NetworkAclId": "acl-2", "VpcId": "v", "Associations": [{"SubnetId": "s2"}], "Entries": [
        {"RuleNumber": 1, "Egress": false, "Protocol": "6", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0",
         "PortRange": {"From": 443, "To": 443}}]}]})");
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 443), "outside", "sg-a") == "permit");
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 80), "outside", "sg-a") == "undetermined");
  CHECK(fate(d, packet(kOut, kWeb, Protocol::udp, 80), "outside", "sg-a") == "deny");
}

TEST_CASE("what is not understood is said and opens nothing, nor closes it") {
  const Device d =
      read(R"({"NetworkAcls": [{"NetworkAclId": "acl-1", "Associations": [{"SubnetId": "s1"}], "Entries": [
      {"RuleNumber": 1, "Egress": false, "Protocol": "6", "RuleAction": "deny", "CidrBlock": "nowhere"},
      {"RuleNumber": 2, "Egress": false, "Egress": true, "Protocol": "6", "RuleAction": "deny", "CidrBlock": "0.0.0.0/0"},
      {"RuleNumber": 3, "Egress": false, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}]}],
    "NextToken": "x"})");
  CHECK(d.coverage.not_understood == 3);
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 80), "outside", "s1") == "undetermined");
  REQUIRE(d.diagnostics.all().size() >= 2);
  CHECK(d.diagnostics.all()[1].error.where.line == 2);
}

TEST_CASE("more interfaces than can be told apart are put together by what filters them") {
  std::string text = R"({"SecurityGroups": [
    {"GroupId": "sg-a", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
     "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}], "IpPermissionsEgress": []},
    {"GroupId": "sg-b", "IpPermissions": [], "IpPermissionsEgress": []}], "NetworkInterfaces": [)";
  for (int i = 0; i < 600; ++i)
    text += fmt::format(
        "{}{{\"NetworkInterfaceId\": \"eni-{}\", \"PrivateIpAddress\": \"10.0.{}.{}\", \"Groups\": "
        "[{{\"GroupId\": \"sg-{}\"}}]}}",
        i == 0 ? "" : ",\n", i, i / 200, i % 200, i % 2 == 0 ? 'a' : 'b');
  const Device d = read(text + "]}");
  REQUIRE(d.interfaces.size() == 3);
  CHECK(d.interfaces[1].addresses.size() == 300);
  CHECK(fate(d, packet("192.0.2.1", "10.0.0.2", Protocol::tcp, 22), "outside", d.interfaces[1].name.c_str()) ==
        "permit");
  CHECK(fate(d, packet("192.0.2.1", "10.0.0.1", Protocol::tcp, 22), "outside", d.interfaces[2].name.c_str()) ==
        "deny");
}

TEST_CASE("every cut and mutation ends in a device or a located error") {
  for (const char* sample : {samples::kAws, samples::kAzure, samples::kGcp, samples::kGcpInstances})
    for (const Dialect dialect : {Dialect::aws, Dialect::azure, Dialect::gcp})
      ask::mangle(sample, 11, 200, [dialect](const std::string& text) {
        CAPTURE(text);
        const Result<Device> d = read_configuration(Source("x.json", text), dialect);
        if (!d) {
          REQUIRE(!d.error().what.empty());
          return;
        }
        for (const List& l : d->lists)
          for (const Entry& e : l.entries) REQUIRE((e.line != 0 || e.undecided.empty() || !e.maybe.empty()));
      });
}

}  // namespace
}  // namespace demarc
