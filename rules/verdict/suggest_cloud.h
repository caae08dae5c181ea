// Changes of a cloud's rules as the commands of its own tool, and its document with them.
//
//   az network nsg rule delete --resource-group rg --nsg-name front --name old
//   gcloud compute firewall-rules create web-1-https --network=dmz --direction=INGRESS --priority=1000 ...
//   aws ec2 authorize-security-group-ingress --group-id sg-web --ip-permissions '[{"IpProtocol":"tcp", ...}]'
#pragma once

#include <memory>
#include <vector>

#include "rules/verdict/suggest_text.h"

namespace demarc {

/// Edits of a list of aws, azure or gcp.
SuggestedText cloud_words(const Device& device, const Source& source, const ListSuggestion& suggestion);

/// Entries that nobody can take away: Azure's default rules.
std::vector<bool> cloud_fixed_entries(const Device& device, const List& list);

/// What entries of this list must be written with, where they name their far end alone (AWS); nullptr elsewhere.
std::shared_ptr<const FarEnds> cloud_far_ends(const Device& device, ListIndex list, const Domain& domain,
                                              bool decided_elsewhere);

}  // namespace demarc
