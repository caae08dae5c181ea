#include "rules/verdict/readable.h"

#include <fmt/format.h>

namespace demarc {

namespace {

bool shows_ports(const Box& box) {
  return box.fragments.contains(Fragment::whole) || box.fragments.contains(Fragment::first);
}

std::string interfaces_text(const ByteSet& set, const std::vector<std::string>& names) {
  if (set.is_all()) return {};
  // Behind the named ones stand those that the configuration does not name.
  const bool others = set.contains(static_cast<std::uint8_t>(names.size()));
  std::string out;
  for (std::size_t n = 0; n < names.size(); ++n)
    if (set.contains(static_cast<std::uint8_t>(n)) != others)
      out += fmt::format("{}{}", out.empty() ? "" : others ? " and " : " or ", names[n]);
  if (!others) return out;
  return out.empty() ? "another interface" : "any interface but " + out;
}

std::string line(Box box, const std::vector<std::string>& names) {
  const std::string in = interfaces_text(box.ingress, names), out = interfaces_text(box.egress, names);
  box.ingress = box.egress = ByteSet::all();
  if (shows_ports(box)) box.fragments = FragmentSet::all();
  const AddressSet anybody = AddressSet::all();
  // A family that addresses show need not be said.
  if (box.family) {
    const AddressSet whole = AddressSet::all(*box.family);
    box.sources = box.sources.intersect(whole);
    box.destinations = box.destinations.intersect(whole);
    if (box.sources != whole || box.destinations != whole) {
      if (box.sources == whole) box.sources = anybody;
      if (box.destinations == whole) box.destinations = anybody;
      box.family.reset();
    }
  }
  std::string text = to_string(box);
  if (!in.empty()) text += fmt::format(", entering by {}", in);
  if (!out.empty()) text += fmt::format(", leaving by {}", out);
  return text;
}

}  // namespace

std::vector<std::string> readable_lines(const Cover& cover, const std::vector<std::string>& interfaces) {
  std::vector<std::string> lines;
  bool later = false;
  for (const Box& box : cover.boxes) {
    if (shows_ports(box))
      lines.push_back(line(box, interfaces));
    else
      later = true;
  }
  if (lines.empty())
    for (const Box& box : cover.boxes) lines.push_back(line(box, interfaces));
  else if (later)
    lines.emplace_back("and later fragments, which show no ports, between these addresses");
  if (!cover.complete()) lines.emplace_back("and more than fits here: JSON and a narrower question show it");
  return lines;
}

}  // namespace demarc
