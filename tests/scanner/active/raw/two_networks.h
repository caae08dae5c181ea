// Two networks of the test's own with a cable (veth) between them, in one process: ours, which the thread is in,
// and the far one, which it visits.
//
//   ours  near 192.0.2.1/24 2001:db8::1/64 ---- far 192.0.2.2/24 2001:db8::2/64  the far one
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "rules/net/address.h"
#include "scanner/active/raw/routes.h"
#include "tests/support/own_network.h"

namespace demarc::test {

/// Runs a program with output to nowhere.
inline bool run(const std::string& command) {
  return std::system(("(" + command + ") >/dev/null 2>&1").c_str()) == 0;
}

class TwoNetworks {
 public:
  TwoNetworks() {
    if (!enter_own_network() || !be_silent()) return;
    ours_ = open("/proc/thread-self/ns/net", O_RDONLY);  // inherited, so that ip(8) can name it
    if (!enter_own_network() || !be_silent()) return;
    far_ = open("/proc/thread-self/ns/net", O_RDONLY);
    if (setns(ours_, CLONE_NEWNET) != 0) return;
    ready_ = run(fmt::format("ip link add near type veth peer name far netns /proc/self/fd/{}", far_)) &&
             run("ip address add 192.0.2.1/24 dev near && ip address add 2001:db8::1/64 dev near nodad && "
                 "ip link set near up");
    at_far([&] {
      ready_ =
          ready_ && run("ip address add 192.0.2.2/24 dev far && ip address add 2001:db8::2/64 dev far nodad && "
                        "ip link set far up");
    });
  }
  TwoNetworks(const TwoNetworks&) = delete;
  TwoNetworks& operator=(const TwoNetworks&) = delete;
  ~TwoNetworks() {
    if (ours_ >= 0) close(ours_);
    if (far_ >= 0) close(far_);
  }

  /// False: the machine does not allow networks of one's own, and there is nothing to test.
  bool ready() const { return ready_; }

  /// Sockets made meanwhile stay in the far network.
  template <typename Do>
  void at_far(Do what) {
    if (setns(far_, CLONE_NEWNET) != 0) std::abort();
    what();
    if (setns(ours_, CLONE_NEWNET) != 0) std::abort();
  }

  static NetworkInterface interface(const std::string& name) { return Routes::open().value().interface(name).value(); }

 private:
  /// No link-local addresses on new interfaces, so that no kernel announces itself amid what a test counts.
  static bool be_silent() { return run("echo 1 >/proc/sys/net/ipv6/conf/default/addr_gen_mode"); }

  int ours_ = -1, far_ = -1;
  bool ready_ = false;
};

inline const Address kNear = *parse_address("192.0.2.1"), kFar = *parse_address("192.0.2.2");
inline const Address kNear6 = *parse_address("2001:db8::1"), kFar6 = *parse_address("2001:db8::2");

}  // namespace demarc::test

/// Ends a test case where there can be no network of its own, and says so.
#define DEMARC_NEEDS(lab)                                                                \
  if (!(lab).ready()) {                                                                  \
    MESSAGE("SKIPPED: no network namespaces with a veth pair here (root and iproute2)"); \
    return;                                                                              \
  }                                                                                      \
  static_assert(true)
