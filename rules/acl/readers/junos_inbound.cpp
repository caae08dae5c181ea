#include "rules/acl/readers/junos_inbound.h"

#include <fmt/format.h>

#include "rules/acl/readers/junos_applications.h"
#include "rules/acl/readers/line_ledger.h"

namespace demarc::junos {

void HostInbound::read() {
  for (const std::vector<Zone>* zones : {&zones_.all(), &zones_.management()})
    for (const Zone& z : *zones) {
      const NodeId of_zone = tree_.find(z.node, "host-inbound-traffic");
      std::vector<InterfaceId> plain;
      for (const NodeId i : tree_.children(tree_.find(z.node, "interfaces"))) {
        const std::optional<InterfaceId> id = context_.interface(unit_name(word(i)));
        const NodeId own = tree_.find(i, "host-inbound-traffic");
        if (own == kNoNode) {
          if (id) plain.push_back(*id);
        } else if (id) {
          inbound_stage(own, fmt::format("host-inbound-traffic on {}", word(i)), {*id});
        }
      }
      if (!plain.empty())
        inbound_stage(of_zone, fmt::format("host-inbound-traffic of zone {}", z.name), std::move(plain), z.node);
    }
}

void HostInbound::inbound_stage(NodeId node, std::string name, std::vector<InterfaceId> ingress, NodeId zone) {
  const std::uint32_t line = tree_[node == kNoNode ? zone : node].line;
  const ListIndex list = add_list(name, line, Fallthrough::deny);
  // Exceptions count before what they are exceptions from.
  for (const bool exceptions : {true, false})
    for (const std::string_view kind : {"system-services", "protocols"}) {
      const std::span<const Service> rows = kind == "protocols" ? host_protocols() : system_services();
      for (const NodeId s : tree_.children(tree_.find(node, kind)))
        if (tree_.has(s, "except") == exceptions) inbound_entry(s, rows, kind, list, exceptions);
    }
  Stage stage;
  stage.name = std::move(name);
  stage.ways = {Way::to_device};
  stage.ingress = std::move(ingress);
  stage.priority = 11;
  stage.line = line;
  if (sessions_ != kNoList) stage.lists.push_back(sessions_);
  stage.lists.push_back(list);
  context_.add_stage(std::move(stage), true);
}

void HostInbound::inbound_entry(NodeId node, std::span<const Service> rows, std::string_view kind, ListIndex list,
                                bool except) {
  Entry e;
  e.line = e.line_last = tree_[node].line;
  e.text = LineLedger::bounded(fmt::format("{} {}", kind, tree_.text(node)));
  e.action = except ? Action::deny : Action::permit;
  const std::string_view name = word(node);
  for (const Service& s : rows)
    if (s.name == name || name == "all" || name == "any-service")
      e.match.push_back(match_of(AddressSet::all(), AddressSet::all(), way_of(s)));
  if (name == "any-service" || (name == "all" && kind == "system-services")) {
    Match ports;
    ports.box.protocols = {Protocol::tcp, Protocol::udp};
    if (name == "any-service") {
      e.match.push_back(std::move(ports));
    } else {
      e.maybe.push_back(std::move(ports));
      e.undecided = "services may have other ports than their usual ones";
      tree_.mark(node, Understanding::in_part, e.undecided);
    }
  }
  if (e.match.empty()) {
    e.undecided = fmt::format("'{}' is no service that is known", name);
    e.maybe.push_back({});
    not_understood(node, e.undecided, suggest_named(name, rows));
  }
  device_.lists[list].entries.push_back(std::move(e));
}

}  // namespace demarc::junos
