// Changes of a cloud's rules as the commands of its own tool, and its document with them.
//
//   az network nsg rule delete --resource-group rg --nsg-name front --name old
//   gcloud compute firewall-rules create web-1-https --network=dmz --direction=INGRESS --priority=1000 ...
//   aws ec2 authorize-security-group-ingress --group-id sg-web --ip-permissions '[{"IpProtocol":"tcp", ...}]'
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rules/acl/writers/cloud.h"
#include "rules/verdict/suggest_text.h"

namespace demarc {

/// Edits of a list of aws, azure or gcp.
SuggestedText cloud_words(const Device& device, const Source& source, const ListSuggestion& suggestion);

/// Of a cloud's two lists, the one that is asked of what comes in.
bool is_inward(const List& list);

/// Numbers of rules of one list.
struct RuleNumbers {
  std::uint32_t before_first, last;
  bool each_once;
};

/// A rule with the name and the number that it got.
struct NewRule {
  std::string name = {};
  std::uint32_t number = 0;
  CloudRule rule = {};
};

/// Entries that nobody can take away: Azure's default rules.
std::vector<bool> cloud_fixed_entries(const Device& device, const List& list);

/// What entries of this list must be written with, where they name their far end alone (AWS); nullptr elsewhere.
std::shared_ptr<const FarEnds> cloud_far_ends(const Device& device, ListIndex list, const Domain& domain,
                                              bool decided_elsewhere);

}  // namespace demarc
