// Changes of a cloud's rules as the commands of its own tool, and its document with them.
//
//   az network nsg rule delete --resource-group rg --nsg-name front --name old
//   gcloud compute firewall-rules create web-1-https --network=dmz --direction=INGRESS --priority=1000 ...
#pragma once

#include <vector>

#include "rules/verdict/suggest_text.h"

namespace demarc {

/// Edits of a list of azure or gcp.
SuggestedText cloud_words(const Device& device, const Source& source, const ListSuggestion& suggestion);

/// Entries that nobody can take away: Azure's default rules.
std::vector<bool> cloud_fixed_entries(const Device& device, const List& list);

}  // namespace demarc
