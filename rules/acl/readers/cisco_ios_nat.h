// Address translation as IOS states it: `ip nat inside source ...` and the interfaces that are inside and outside.
//
// A packet that comes in outside meets the inward list before it is translated, so that list names global
// addresses; one that leaves there meets the outward list after (Cisco document 6209, "NAT Order of Operation").
#pragma once

#include <map>
#include <string>
#include <vector>

#include "rules/acl/readers/router_draft.h"

namespace demarc {

class IosNat {
 public:
  explicit IosNat(router::RouterDraft& draft) : draft_(draft) {}

  /// "ip nat ..." at the margin, from the word behind nat on.
  void line(Cursor& in);
  /// "ip nat inside|outside|enable" below an interface.
  void interface_line(Cursor& in, std::size_t interface);
  /// When lists are in order and stages made: nats, and which addresses the stages see.
  void finish();

 private:
  struct Dynamic {
    std::string list = {}, pool = {}, interface = {};
    Nat::Kind kind = Nat::Kind::source;
    std::uint32_t line = 0;
    bool outside = false;
  };
  struct Pool {
    std::optional<Address> only = {};
  };
  struct Static {
    Address local = {}, global = {};
    std::string interface = {};  // in place of the global address
    std::optional<unsigned> network = {};
    std::optional<Protocol> protocol = {};
    std::optional<Port> local_port = {}, global_port = {};
    std::uint32_t line = 0;
    bool outside = false;
  };

  void static_line(Cursor& in, bool outside);
  void dynamic_line(Cursor& in, std::string_view how, Nat::Kind kind, bool outside);
  void add(const Static& one);
  void add_pair(const Static& one, const Address& local, const std::optional<Address>& global);
  void add(const Dynamic& one);
  Nat nat(Nat::Kind kind, std::uint32_t line) const;

  router::RouterDraft& draft_;
  std::vector<InterfaceId> inside_, outside_;
  std::vector<Static> statics_;
  std::vector<Dynamic> dynamics_;
  std::map<std::string, Pool, std::less<>> pools_;
  std::size_t written_out_ = 0;
};

}  // namespace demarc
