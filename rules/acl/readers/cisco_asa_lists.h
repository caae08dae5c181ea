// The access lists of an ASA configuration while they are read: entries by position, and the counters of
// `show access-list`, whose lines repeat a list with its groups taken apart:
//
//   access-list OUT line 2 extended permit tcp any object-group WEB eq https 0x1c2f4a3b
//     access-list OUT line 2 extended permit tcp any host 192.0.2.10 eq https (hitcnt=12) 0x0d1a1f31
//     access-list OUT line 2 extended permit tcp any host 192.0.2.11 eq https (hitcnt=3) 0x5be1c0a7
//
// Where the same file defines the list, these lines are counters alone; where it does not, they are the list, and
// an entry whose groups are defined nowhere means what its parts mean.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/readers/cisco_asa_ace.h"
#include "rules/acl/readers/line_ledger.h"

namespace demarc::asa {

class ListBook {
 public:
  ListBook(const Source& source, Device& device, LineLedger& ledger, AceReader& aces)
      : source_(source), device_(device), ledger_(ledger), aces_(aces) {}

  /// A line that begins with `access-list`, or with `ipv6 access-list`, from the list's name on.
  void read_line(Cursor& in, std::uint32_t line, bool ipv6);
  /// Puts the lists into the device, in the order in which they appeared.
  void finish();
  /// True for lists that never see IP packets as such (webtype, ethertype).
  bool is_other_kind(std::string_view name) const;

 private:
  struct Slot {  // an entry, or a remark: both count for `line N`
    Entry entry = {};
    bool remark = false;
  };
  struct Shown {
    std::uint32_t position = 0;
    Entry entry = {};
    std::string error = {};
    std::vector<Match> parts = {};
    std::uint64_t parts_packets = 0;
    std::uint32_t parts_count = 0;
    bool parts_complete = true, parts_counted = false;
  };
  /// Positions in chunks, so that a script that inserts every line in front costs no square of its length.
  class Order {
   public:
    void append(std::uint32_t slot);
    void insert(std::size_t position, std::uint32_t slot);
    std::vector<std::uint32_t> all() const;

   private:
    static constexpr std::size_t kChunkMax = 1024;
    std::vector<std::vector<std::uint32_t>> chunks_;
    std::size_t size_ = 0;
  };
  struct Building {
    std::string name = {};
    std::uint32_t line = 0;
    bool ipv6 = false, shown_header = false;
    std::vector<Slot> slots = {};
    Order order = {};
    std::vector<Shown> shown = {};
  };

  Building& list(std::string_view name, bool ipv6, std::uint32_t line);
  void shown_line(Cursor& in, Building& list, ListKind kind, std::uint32_t position, std::uint32_t line);
  void entry_line(Cursor& in, Building& list, ListKind kind, std::optional<std::uint32_t> position,
                  std::uint32_t line);
  void place(Building& list, Slot slot, std::optional<std::uint32_t> position);
  Result<Entry> ace(Cursor& in, ListKind kind, std::uint32_t line);
  void unread(std::uint32_t line, const Error& error);
  Entry entry_of(Shown& shown);

  const Source& source_;
  Device& device_;
  LineLedger& ledger_;
  AceReader& aces_;
  std::vector<Building> lists_;
  std::map<std::pair<bool, std::string>, std::size_t> index_;
  std::map<std::string, bool, std::less<>> other_kinds_;
};

}  // namespace demarc::asa
