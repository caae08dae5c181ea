// Rules of clouds: Azure's network security groups, firewall rules of GCP, security groups and network ACLs of AWS.
// They are written for edits alone: a group is more than its rules.
//
// An entry's text is one rule, its first line the name that it would like to have, the others what it says; a name
// and a priority are given to it where the other rules are known. A rule of AWS has its far end alone, of one prefix,
// and one range of ports or one kind of message.
//
//   web-1-https
//   allow
//   protocol tcp
//   source 0.0.0.0/0
//   destination 10.0.1.10/32
//   port 443
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/writers/writer.h"

namespace demarc {

struct CloudRule {
  std::string wanted = {};
  bool deny = false;
  std::string protocol = {};                                                                // "tcp", "50", "all"
  std::vector<std::string> sources = {}, destinations = {}, ports = {}, source_ports = {};  // no ports: all
  std::string message = {};  // of ICMP: "8", "3/4"; empty: all
};
CloudRule read_cloud_rule(std::string_view written);

/// For edits in aws, azure and gcp; nullptr for every other dialect. It writes no whole lists.
const DialectWriter* find_cloud_writer(Dialect dialect);

}  // namespace demarc
