#include <doctest/doctest.h>

#include "tests/rules/acl/readers/ask.h"
#include "tests/rules/acl/readers/cloud_samples.h"

namespace demarc {
namespace {

using ask::icmp;
using ask::packet;

Device read(std::string text) {
  return read_configuration(Source("nsg.json", std::move(text)), Dialect::azure).value();
}
std::string fate(const Device& d, const ConcretePacket& p, const char* in, const char* out) {
  const std::string a = ask::way(d, p, in, out);
  return a.substr(0, a.find(' '));
}
const char *const kOut = "203.0.113.7", *const kWeb = "10.0.1.10";

TEST_CASE("rules are asked by priority, each direction by itself") {
  const Device d = read(samples::kAzure);
  CHECK(d.replies_implied);
  CHECK(d.coverage.not_understood == 0);
  CHECK(ask::list(d, "front-nsg inbound", packet("198.51.100.64", kWeb, Protocol::tcp, 22)) == "permit 10");
  CHECK(ask::list(d, "front-nsg inbound", packet("198.51.100.20", kWeb, Protocol::udp, 8005)) == "permit 10");
  CHECK(ask::list(d, "front-nsg inbound", packet("10.0.1.1", kWeb, Protocol::tcp, 445)) == "deny 14");
  CHECK(ask::list(d, "front-nsg inbound", packet("168.63.129.16", kWeb, Protocol::tcp, 80)).starts_with("permit"));
  // What the tags hold is not known: an internet address may be the internet's, a private one the network's.
  CHECK(ask::list(d, "front-nsg inbound", packet(kOut, kWeb, Protocol::tcp, 443)).starts_with("undetermined"));
  CHECK(ask::list(d, "front-nsg inbound", packet(kOut, kWeb, Protocol::tcp, 80)).starts_with("deny"));
  CHECK(ask::list(d, "front-nsg inbound", packet("10.0.1.1", kWeb, Protocol::tcp, 80)).starts_with("undetermined"));
  CHECK(ask::list(d, "front-nsg outbound", packet(kWeb, "10.0.2.33", Protocol::tcp, 1433)).starts_with("permit"));
  CHECK(ask::list(d, "front-nsg outbound", packet(kWeb, kOut, Protocol::tcp, 443)).starts_with("deny"));
  const List& list = d.lists[d.find_list("front-nsg inbound")];
  CHECK(list.entries[0].text == "100 admins allow * 198.51.100.16/28,198.51.100.64 > *:22,8000-8010");
  CHECK(list.entries[0].remark == "jump hosts");
}

TEST_CASE("default rules are added where they are not written") {
  const Device d = read(samples::kAzure);
  const List& in = d.lists[d.find_list("subnet-nsg inbound")];
  REQUIRE(in.entries.size() == 3);
  CHECK(in.entries[1].line == 0);
  CHECK(in.entries[2].text == "65001 AllowAzureLoadBalancerInBound allow * AzureLoadBalancer > *");
  CHECK(in.at_end == Fallthrough::deny);
  CHECK(d.lists[d.find_list("front-nsg inbound")].at_end_line == 31);
  CHECK(ask::list(d, "subnet-nsg outbound", packet(kWeb, kOut, Protocol::tcp, 80)).starts_with("undetermined"));
}

TEST_CASE("an interface and its subnet both have their say, if it is known which subnet") {
  const Device apart = read(samples::kAzure);
  // Whether the interface lies in that subnet is not known.
  CHECK(fate(apart, packet("198.51.100.64", kWeb, Protocol::tcp, 8005), "outside", "web-nic") == "undetermined");
  CHECK(fate(apart, packet("198.51.100.64", kWeb, Protocol::tcp, 22), "outside", "web-nic") == "permit");
  const std::string nic = R"({"networkInterfaces": [{"name": "web-nic",
    "id": "/subscriptions/s/resourceGroups/RG/providers/Microsoft.Network/networkInterfaces/web-nic",
    "ipConfigurations": [{"privateIPAddress": "10.0.1.10", "subnet":
      {"id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/front"}}]}],
   "virtualNetworks": [{"name": "v", "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": []}]})";
  const Device d = read(std::string(samples::kAzure) + nic);
  CHECK(fate(d, packet("198.51.100.64", kWeb, Protocol::tcp, 8005), "outside", "web-nic") == "deny");
  CHECK(fate(d, packet("198.51.100.64", kWeb, Protocol::tcp, 22), "outside", "web-nic") == "permit");
  CHECK(fate(d, packet("10.0.1.1", kWeb, Protocol::tcp, 443), "outside", "web-nic") == "permit");  // the network
  CHECK(fate(d, packet("10.0.1.1", kWeb, Protocol::tcp, 445), "outside", "web-nic") == "deny");
  CHECK(to_string(d.interfaces[*d.find_interface("web-nic")].addresses[0]) == kWeb);
}

TEST_CASE("the REST form, templates and single rules") {
  const char* rest = R"({"value": [{"name": "n", "properties": {"securityRules": [{"name": "r", "properties": {
    "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Icmp", "sourceAddressPrefix": "192.0.2.0/24",
    "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*"}}]}}]})";
  CHECK(ask::list(read(rest), "n inbound", icmp("192.0.2.1", kWeb, 8)) == "permit 1");
  const char* tpl = R"({"$schema": "x", "resources": [
   {"type": "Microsoft.Network/networkSecurityGroups", "name": "n", "properties": {"securityRules": []}},
   {"type": "Microsoft.Network/networkSecurityGroups/securityRules", "name": "n/r", "properties": {
    "priority": 100, "direction": "Inbound", "access": "Deny", "protocol": "Tcp", "sourceAddressPrefix": "[parameters('p')]",
    "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*"}}]})";
  const Device d = read(tpl);
  CHECK(d.coverage.not_understood == 1);
  CHECK(ask::list(d, "n inbound", packet(kOut, kWeb, Protocol::tcp, 80)) == "undetermined 3");
  const char* rules =
      R"([{"id": "/x/networkSecurityGroups/n/securityRules/r", "name": "r", "priority": 1, "direction":
    "Outbound", "access": "Allow", "protocol": "Udp", "sourceAddressPrefix": "*", "sourcePortRange": "1-100",
    "destinationAddressPrefix": "*", "destinationPortRange": "53",
    "destinationApplicationSecurityGroups": []}])";
  CHECK(ask::list(read(rules), "n outbound", packet(kWeb, kOut, Protocol::udp, 53, 99)) == "permit 1");
}

TEST_CASE("application security groups are known by the interfaces in the document") {
  const std::string nsg = R"([{"name": "n", "securityRules": [{"name": "r", "priority": 100, "direction": "Inbound",
    "access": "Allow", "protocol": "Tcp", "sourceApplicationSecurityGroups": [{"id": "/a/web"}], "sourcePortRange": "*",
    "destinationAddressPrefix": "*", "destinationPortRange": "1433"}], "defaultSecurityRules": [{"name": "d",
    "priority": 65500, "direction": "Inbound", "access": "Deny", "protocol": "*", "sourceAddressPrefix": "*",
    "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*"}]}])";
  const Device open = read(nsg);
  CHECK(ask::list(open, "n inbound", packet("10.0.1.10", "10.0.2.33", Protocol::tcp, 1433)) == "undetermined 1");
  CHECK(ask::list(open, "n inbound", packet(kOut, "10.0.2.33", Protocol::tcp, 1433)).starts_with("deny"));
  const Device d = read(nsg + R"([{"name": "web-nic", "id": "/n/web", "ipConfigurations": [{"privateIPAddress":
    "10.0.1.10", "applicationSecurityGroups": [{"id": "/A/web"}]}]}])");
  CHECK(ask::list(d, "n inbound", packet("10.0.1.10", "10.0.2.33", Protocol::tcp, 1433)) == "permit 1");
  CHECK(ask::list(d, "n inbound", packet("10.0.1.11", "10.0.2.33", Protocol::tcp, 1433)).starts_with("deny"));
}

}  // namespace
}  // namespace demarc
