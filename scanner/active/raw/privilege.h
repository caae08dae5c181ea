// Giving up privilege between opening sockets and reading the first foreign byte.
#pragma once

#include <string>
#include <vector>

#include "rules/text/result.h"
#include "scanner/active/raw/channel.h"

namespace demarc {

/// What was reached, for `demarc doctor`, the journal's notes and -v.
struct Confinement {
  bool capabilities_dropped = false;  // no capability is left in any set
  bool no_new_privileges = false;
  int landlock_abi = 0;   // 0: the kernel has none
  bool landlock = false;  // files: only beneath `writable`, and what was open before
  bool seccomp = false;
  std::vector<std::string> missing;  // in words, what could not be had and why
  std::string text() const;          // "no capabilities, no new privileges, Landlock ABI 5, seccomp"
};

struct ConfineOptions {
  std::vector<std::string>
      writable;  // directories below which files may still be made (the journal's); read stays allowed there
  std::vector<std::string> readable;  // files and directories that are still needed (/etc/localtime, ...)
  bool children = false;              // whether programs may still be started (ssh)
};

/// Drops everything at once, for all threads (call it before there is a second one). What the kernel cannot do is
/// listed in `missing`, not an error; an error is only a half-done drop that cannot be told apart from a done one.
Result<Confinement> confine(const ConfineOptions& options);

/// What confine() would reach here; changes nothing (a child process tries).
Confinement confinement_possible();

/// Whether raw sockets can be had: by our own capability, or by the helper program beside us.
enum class RawPrivilege { own, sender, none };
struct RawAbility {
  RawPrivilege how = RawPrivilege::none;
  std::string why;     // for none: what to do ("setcap cap_net_raw+ep …/demarc-sender, or run as root")
  std::string sender;  // its path
};
RawAbility raw_ability();

/// Opens a channel in the way that raw_ability() found. Before confine(). The sender program listens for our own
/// addresses only: none in the filter then means all of them.
Result<Channel> open_channel(const ChannelOptions& options, const RawAbility& ability);

}  // namespace demarc
