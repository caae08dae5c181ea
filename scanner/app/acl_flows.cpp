#include "scanner/app/acl_flows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rules/text/suggest.h"
#include "scanner/app/console.h"

namespace demarc {

namespace {

Result<std::optional<InterfaceId>> interface_word(const Device& device, const std::string& word) {
  if (word.empty()) return std::optional<InterfaceId>();
  if (const std::optional<InterfaceId> id = find_interface(device, word)) return id;
  std::vector<std::string> names;
  for (const Interface& i : device.interfaces) names.push_back(i.name);
  std::string hint = suggest(word, names);
  if (hint.empty()) hint = names.empty() ? "it has none" : fmt::format("it has {}", fmt::join(names, ", "));
  return failure(fmt::format("{} has no interface '{}'", device.file, word), hint);
}

Result<ListIndex> list_word(const Device& device, const std::string& word) {
  if (word.empty()) return kNoList;
  if (const ListIndex list = device.find_list(word); list != kNoList) return list;
  std::vector<std::string> names;
  for (const List& l : device.lists) names.push_back(l.name);
  return failure(fmt::format("{} has no list '{}'", device.file, word), suggest(word, names));
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
    for (const BindingProblem& p : binding->problems)
      if (p.kind != BindingProblem::Kind::no_configuration) say_warning(p.what);
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
