// What a witness reader takes, a writer must be able to write back, and the reader read again as the same. And
// whatever it says, matching it with a scan of the same key ends, and invents no port.
#include <cstdint>
#include <cstdlib>

#include "rules/evidence/witness.h"
#include "rules/evidence/witnessed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace demarc;
  Result<WitnessRun> run = read_witness("fuzz", std::string_view(reinterpret_cast<const char*>(data), size));
  if (!run || run->arrivals.size() > 1000) return 0;
  std::string text = witness_header(run->header);
  for (const Arrival& a : run->arrivals) text += witness_arrival(a);
  text += run->end ? witness_end(*run->end, run->listening) : witness_listening(run->listening);
  Result<WitnessRun> again = read_witness("again", text);
  if (!again || again->header != run->header || again->arrivals.size() != run->arrivals.size() ||
      again->listening != run->listening || again->end != run->end)
    std::abort();

  Snapshot snapshot;
  ScanRun scan;
  scan.header.witness_key = run->header.key;
  scan.header.started = run->header.started;
  if (!run->arrivals.empty()) scan.header.source_address = run->arrivals[0].source;
  Outcome o;
  o.target = run->arrivals.empty() ? Address() : run->arrivals[0].target;
  o.protocol = run->arrivals.empty() ? Protocol(Protocol::tcp) : run->arrivals[0].protocol;
  o.ports = PortRange::all();
  o.at = run->listening.at;
  scan.outcomes.push_back(o);
  snapshot.scans.push_back(scan);
  snapshot.witnesses.push_back(std::move(*run));
  apply_witnesses(snapshot);
  std::uint32_t ports = 0;
  for (const Outcome& told : snapshot.scans[0].outcomes) ports += told.ports.size();
  if (ports != 65536) std::abort();
  return 0;
}
