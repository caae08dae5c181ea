// Sentences about traffic: what a scan asked for, what noise adds up to, what a conversation looked like. Internal
// to this folder.
#pragma once

#include <string>

#include "rules/verdict/judging.h"

namespace demarc {

/// "39 addresses in internet for tcp/6667", "25 tcp ports of web1 in dmz". `zone` may be empty.
std::string scan_words(const Judging& j, const NoiseTally::Scan& scan, std::string_view zone);
/// "1,204 attempts from 310 addresses, none of them established; 2 of them scan: ..." with floods and backscatter.
std::string noise_words(const Judging& j, const NoiseTally& tally);
/// The conversation behind a finding, with all that was between its ends.
EvidenceRef flow_evidence(const Judging& j, const EvidencePlace& place);
EvidenceRef noise_evidence(const Judging& j, const EvidencePlace& place);

}  // namespace demarc
