// Reads evidence of every kind into one snapshot. What a file is, its content tells.
#pragma once

#include <atomic>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rules/evidence/readers/record_flows.h"
#include "rules/evidence/snapshot.h"
#include "rules/policy/rule_set.h"
#include "rules/text/result.h"
#include "rules/verdict/given_configuration.h"
#include "scanner/app/commands.h"
#include "scanner/files/file.h"
#include "scanner/passive/flow_table.h"

namespace demarc {

/// The digests of captures, made in a thread of their own while the captures are read and judged. It takes only the
/// time that nobody else wants; who needs the digests makes the rest of them, and without that it is given up.
class CaptureDigests {
 public:
  CaptureDigests() = default;
  CaptureDigests(const CaptureDigests&) = delete;
  CaptureDigests& operator=(const CaptureDigests&) = delete;
  ~CaptureDigests();
  /// `row`: of the evidence file that is to have the digest. Standard input is read once, and has none.
  void add(const std::string& file, std::size_t row);
  void begin();
  /// Fills in digest and size, once they are all made.
  Result<void> fill(std::vector<EvidenceFile>& rows);

 private:
  /// Goes on until all is done or `stop` is set.
  Result<void> work(const std::atomic<bool>& stop);

  std::vector<std::pair<std::string, std::size_t>> wanted_;
  std::vector<FileDigest> digests_;     // of the first of those; the thread's while it runs
  std::optional<FileHashing> hashing_;  // of the next one
  std::atomic<bool> hand_over_{false};
  std::future<Result<void>> thread_;  // the last one: its destructor waits
};

struct EvidenceRequest {
  /// "FILE", or "NAME=FILE" where NAME is a vantage point or a sensor of the rule set: where an nmap scan or a
  /// capture was made.
  std::vector<std::string> files;
  std::string vantage, sensor;  // for all files that do not say themselves
  const RuleSet* rules = nullptr;
  bool open_tunnels = false;     // in captures
  std::uint32_t sampling = 0;    // of flow records whose sensor saw one packet in N and does not say so
  std::uint64_t memory_mib = 0;  // for following conversations; 0: what this machine allows
  /// Where configurations go that stand among the files ("DEVICE=FILE" says whose one is); none: they are no
  /// evidence.
  std::vector<GivenConfiguration>* configurations = nullptr;
  std::string dialect = {};  // of those that content does not tell
  /// Whoever waits for the digests of captures, when their names are needed; none: read_evidence() waits.
  CaptureDigests* digests = nullptr;
};

/// Everything, or the first file that cannot be read at all. Damage inside a file is in the snapshot's notes.
Result<Snapshot> read_evidence(const EvidenceRequest& request, const CommonOptions& options);

/// That a capture shows tunnels which nobody asked to open.
std::string tunnels_note(const FlowSource& source);

/// What a file is, by its first bytes. The error says that it is none of ours.
Result<EvidenceKind> evidence_kind(const std::string& file);

/// A file and where it was made: "NAME=FILE" where NAME is a vantage point, a sensor or a device of the rule set.
/// Anything else is a file, even with '=' in its name.
struct NamedFile {
  std::string file, place;
};
NamedFile take_apart(const std::string& value, const RuleSet* rules);

/// The files of such words: directories and quoted patterns stand for the files in them, by name, of which those
/// that are no evidence are left out, and that is said; so are copies of files and links to them from the same place.
/// The error names the word that stands for nothing.
struct EvidenceList {
  std::vector<NamedFile> files;
};
Result<EvidenceList> list_evidence(std::span<const std::string> words, const RuleSet* rules,
                                   bool configurations = false);

/// Reads flow records, demarc's own and other sensors', and appends to `flows`. What one sensor wrote in another's
/// format, in however many files, is one FlowEvidence: a conversation may begin in one file and end in the next.
/// `rows`: one for each file, in the same order, with name and kind set; gets digest, size and note.
struct FlowFile {
  NamedFile named;
  EvidenceFile* row = nullptr;
};
Result<void> read_flow_files(std::span<const FlowFile> files, const RecordFlowOptions& options,
                             std::vector<FlowEvidence>& flows);

/// Ports that servers use, for captures that begin in mid-stream: the rule set's and the catalogue's.
void server_ports(const RuleSet* rules, PortSet& tcp, PortSet& udp);

/// How conversations are followed: with those ports, in `memory_mib` (0: what this machine allows).
FlowOptions flow_options(const RuleSet* rules, std::uint64_t memory_mib);

}  // namespace demarc
