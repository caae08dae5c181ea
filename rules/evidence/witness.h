// What arrived at the far end: a witness's record of the probes that carry the mark of a shared key. A scan tells
// what came back; the witness tells what got there, so that passage is known for ports where nothing listens and
// nothing answers. JSON Lines like the scan journal: a header, records, an end record.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/evidence/outcome.h"
#include "rules/net/address.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"
#include "rules/net/time.h"
#include "rules/text/result.h"

namespace demarc {

/// The first record of a witness's file.
struct WitnessHeader {
  std::string run;                 // an id
  std::string at;                  // where it stood: a vantage point of the rule set, or any name
  std::string zone;                // "" without a rule set
  std::vector<Address> addresses;  // of the interface: whose packets end here; sorted
  std::string interface_name;
  bool span = false;  // a mirror port: it sees packets for other machines as well
  Timestamp started;  // it listened from here on
  std::string key;    // fingerprint of the key: 16 hexadecimal digits
  std::string rules_sha256;
  bool operator==(const WitnessHeader&) const = default;
};

/// Marked probes of one source to one address, within about a second.
struct Arrival {
  Address source, target;  // as the packets said at the witness
  Protocol protocol;       // TCP or UDP
  PortSet ports;
  Timestamp first, last;
  std::uint64_t count = 0;   // packets, repeats included
  std::uint32_t record = 0;  // the line of the file
  bool operator==(const Arrival&) const = default;
};

/// A sign of life: all that arrived until `at` is on record, and so much was lost by then.
struct Listening {
  Timestamp at;
  std::uint64_t packets = 0;    // received, marked or not
  std::uint64_t strangers = 0;  // of them without a valid mark
  std::uint64_t dropped = 0;    // by the kernel or the interface
  bool operator==(const Listening&) const = default;
};

enum class WitnessEnd : std::uint8_t { complete, runtime_reached, interface_lost };
std::string_view name(WitnessEnd end);  // "complete", "runtime-reached"
std::optional<WitnessEnd> parse_witness_end(std::string_view text);

/// One file.
struct WitnessRun {
  std::string file;  // where it was read from
  WitnessHeader header;
  std::vector<Arrival> arrivals;  // sorted by source, target, protocol and time
  Listening listening;            // the last sign of life; `at` is the start where there was none
  std::optional<WitnessEnd> end;  // none: it was interrupted without a chance to say so
  std::vector<std::string> notes;
};

// --- Writing: each function returns whole lines ---

std::string witness_header(const WitnessHeader& header);
std::string witness_arrival(const Arrival& arrival);
std::string witness_listening(const Listening& listening);
std::string witness_note(std::string_view note);
std::string witness_end(WitnessEnd end, const Listening& listening);

// --- Reading ---

/// Fed with a file's bytes in any pieces; the same tolerance and strictness as JournalReader.
class WitnessReader {
 public:
  explicit WitnessReader(std::string file);
  ~WitnessReader();
  WitnessReader(WitnessReader&&) noexcept;
  WitnessReader& operator=(WitnessReader&&) noexcept;
  Result<void> feed(std::string_view bytes);
  Result<WitnessRun> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Result<WitnessRun> read_witness(std::string file, std::string_view text);

/// draft-07 JSON Schema of one line of a witness's file.
std::string witness_json_schema();

}  // namespace demarc
