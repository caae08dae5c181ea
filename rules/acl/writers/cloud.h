// Rules of clouds that have a name and a priority: Azure's network security groups, firewall rules of GCP. They are
// written for edits alone: a group is more than its rules.
//
// An entry's text is one rule, its first line the name that it would like to have, the others what it says; a name
// and a priority are given to it where the other rules are known:
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
};
CloudRule read_cloud_rule(std::string_view written);

/// For edits in azure and gcp; nullptr for every other dialect. It writes no whole lists.
const DialectWriter* find_cloud_writer(Dialect dialect);

}  // namespace demarc
