#include "scanner/app/acl_flows.h"

#include <fmt/format.h>

#include "rules/verdict/acl_json.h"
#include "scanner/app/console.h"

namespace demarc {

namespace {

Result<std::optional<InterfaceId>> interface_word(const Device& device, const std::string& word) {
  if (word.empty()) return std::optional<InterfaceId>();
  return DEMARC_TRY(interface_named(device, word));
}

Result<ListIndex> list_word(const Device& device, const std::string& word) {
  if (word.empty()) return kNoList;
  return list_named(device, word);
}

}  // namespace

Result<RoutedDevice> route_device(Device device, const RuleSet* rules, const AclRoutes& routes) {
  RoutedDevice out;
  const std::optional<InterfaceId> in = DEMARC_TRY(interface_word(device, routes.in));
  const std::optional<InterfaceId> leaving = DEMARC_TRY(interface_word(device, routes.out));
  const ListIndex list = DEMARC_TRY(list_word(device, routes.list));
  out.device = std::make_shared<const Device>(std::move(device));
  if (rules != nullptr) {
    const GivenConfiguration given{out.device, routes.device, ""};
    auto binding = std::make_shared<Binding>(demarc::bind_devices(*rules, std::span(&given, 1)));
    for (const BindingProblem& p : binding->problems) {
      if (p.kind == BindingProblem::Kind::not_declared)
        say_warning(
            fmt::format("{} is the configuration of no device that the rule set declares: conversations are led "
                        "by the networks on its interfaces (--device NAME says which one it is)",
                        out.device->file));
      else if (p.kind != BindingProblem::Kind::no_configuration)
        say_warning(p.what);
    }
    for (std::uint32_t d = 0; d < binding->devices.size(); ++d) {
      if (binding->devices[d].device == nullptr) continue;
      out.bound = d;
      out.device = binding->devices[d].device;
      out.binding = binding;
      break;
    }
  }
  if (in || leaving || list != kNoList)
    out.routing = routing_said(*out.device, in, leaving, list);
  else if (out.binding != nullptr)
    out.routing = routing_by_paths(*out.binding, out.bound);
  else
    out.routing = routing_by_networks(*out.device);
  return out;
}

}  // namespace demarc
