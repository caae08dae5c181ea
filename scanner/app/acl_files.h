// What the `acl` commands share: configurations from files, and where their answers go.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/decide.h"
#include "rules/space/packet_set.h"
#include "rules/text/result.h"
#include "scanner/app/commands.h"
#include "scanner/app/outputs.h"

namespace demarc {

/// A hundred thousand lines are 6 MB. What is read takes up to a hundred times the text, so a larger file is refused
/// instead of filling the machine.
inline constexpr std::uint64_t kConfigBytesMax = std::uint64_t{64} << 20;

/// --dialect; none where nothing was said.
Result<std::optional<Dialect>> parse_dialect_word(const std::string& word);
/// The file's configuration, in the dialect that is said or that its content shows; "-" is standard input.
Result<Device> load_configuration(const std::string& file, const std::string& dialect_word);

/// Everything before the work begins: formats, files, configurations.
struct PreparedAcl {
  std::string format;
  std::vector<Output> outputs;
  std::vector<Device> devices;
};
inline constexpr std::string_view kAclFormats[] = {"text", "json"};
Result<PreparedAcl> prepare_acl(const AclCommand& command, std::size_t least, std::size_t most,
                                std::span<const std::string_view> formats = kAclFormats);

/// What reading them gave cause to say, on standard error: the first few of each, `acl check` says them all.
void say_first(const std::vector<Device>& devices);
/// What could not be read widens every answer; it is said once, where the answers stand.
std::string unread_note(const Device& device);
/// "edge.cfg:12: permit tcp any any", for people.
std::string place_words(const Device& device, const DecidingLine& by);
/// The boxes in words, one a line. `interfaces` are what their numbers stand for.
std::string box_lines(const Cover& cover, std::string_view indent, const std::vector<std::string>& interfaces = {});
std::vector<std::string> interface_names(const Device& device);

namespace detail {
bool write_one(const Output* output, const std::string& text);  // nullptr: standard output
}
/// Renders for every output and for standard output; says what could not be written, and is false then.
template <typename Render>
bool write_acl(const PreparedAcl& p, Render&& render) {
  for (const Output& output : p.outputs)
    if (!detail::write_one(&output, render(output.format))) return false;
  return detail::write_one(nullptr, render(p.format));
}

}  // namespace demarc
