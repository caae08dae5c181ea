// Address translation of an ASA configuration, in the order in which the appliance tries it: manual NAT, the NAT of
// objects (static before dynamic, few addresses before many), manual NAT after that. A static translation stands
// for two: it also opens the way back.
#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "rules/acl/readers/cisco_asa_ace.h"
#include "rules/acl/readers/line_ledger.h"

namespace demarc::asa {

class NatBook {
 public:
  NatBook(const Source& source, Device& device, LineLedger& ledger, Objects& objects, AceReader& interfaces)
      : source_(source), device_(device), ledger_(ledger), objects_(objects), interfaces_(interfaces) {}

  /// A statement from behind `nat`; `object` is the one it stands in, or empty.
  void nat(Cursor& in, std::uint32_t line, const std::string& object);
  /// `static (inside,outside) ...`, as it was until 8.2.
  void static_nat(Cursor& in, std::uint32_t line);
  void finish();

 private:
  struct Ends {  // (real,mapped)
    ByteSet real = ByteSet::all(), mapped = ByteSet::all();
  };
  struct Statement {
    std::tuple<int, int, Uint128, Address, std::string> order = {};
    std::vector<Nat> nats = {};
  };
  struct Target {  // what addresses become
    AddressSet addresses = {};
    bool interface = false;  // the address of the interface, or of a pool: not told here
  };
  Result<Ends> ends(Cursor& in);
  Result<AddressSet> addresses(std::string_view word);
  Result<Target> target(Cursor& in, const AddressSet* real);
  Result<void> object_nat(Cursor& in, Statement& s, const std::string& object, const Ends& ends);
  Result<void> manual_nat(Cursor& in, Statement& s, const Ends& ends, bool& inactive);
  Result<void> old_nat(Cursor& in, Statement& s, const Ends& ends, std::string& in_part);
  Result<void> read_static(Cursor& in, Statement& s);
  Result<void> options(Cursor& in, bool& inactive, bool& one_way);
  static void translate(Statement& s, Nat::Kind kind, const Match& match, const AddressSet& from,
                        const AddressSet& to, bool told, std::optional<PortRange> ports = {});
  void keep(Statement s, const Result<void>& read, std::uint32_t line, bool inactive, const std::string& in_part);

  const Source& source_;
  Device& device_;
  LineLedger& ledger_;
  Objects& objects_;
  AceReader& interfaces_;
  std::vector<Statement> statements_;
};

}  // namespace demarc::asa
