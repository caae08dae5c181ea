#include "scanner/active/raw/privilege.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "probes/wire/craft.h"
#include "scanner/active/raw/capabilities.h"
#include "scanner/active/raw/landlock.h"
#include "scanner/active/raw/quiet_ports.h"
#include "scanner/active/socket_address.h"
#include "tests/scanner/active/raw/two_networks.h"

using namespace demarc;
using namespace demarc::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

/// A place for files, gone afterwards.
class Directory {
 public:
  Directory() {
    char name[] = "/tmp/demarc-test-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { run("rm -rf " + path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Confines a child process and lets it try; what it returns is the exit code. 255: it was killed.
template <typename Try>
int confined(const ConfineOptions& options, Try attempt) {
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    Result<Confinement> reached = confine(options);
    _exit(reached ? attempt(*reached) : 200);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/// 0, or the errno of opening it.
int error_of_open(const std::string& path, int flags) {
  int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}
int error_of(long result) { return result < 0 ? errno : 0; }

}  // namespace

TEST_CASE("after it no capability is left, and none can come back") {
  CHECK(confined({}, [](const Confinement& reached) {
          if (!reached.capabilities_dropped || !reached.no_new_privileges) return 1;
          if (capabilities_left() != 0) return 2;
          if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 && !reached.seccomp) return 3;
          if (error_of(socket(AF_PACKET, SOCK_RAW, 0)) != EPERM) return 4;
          if (error_of(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)) != EPERM) return 5;
          return 0;
        }) == 0);
}

TEST_CASE("files are out of reach, except for those that were named and those that were open") {
  if (landlock_abi() == 0) {
    MESSAGE("SKIPPED: this kernel has no Landlock, or has it switched off");
    return;
  }
  Directory allowed, forbidden, readable;
  for (const std::string& path : {allowed / "old", forbidden / "secret", readable / "notes"})
    std::ofstream(path) << "x";
  int open_before = open((forbidden / "secret").c_str(), O_RDWR | O_CLOEXEC);
  ConfineOptions options;
  options.writable = {allowed.path()};
  options.readable = {readable.path(), readable / "notes", "/no/such/file"};
  CHECK(confined(options, [&](const Confinement& reached) {
          if (!reached.landlock) return 1;
          if (error_of_open(forbidden / "secret", O_RDONLY) != EACCES) return 2;
          if (error_of_open("/etc/passwd", O_RDONLY) != EACCES) return 3;
          if (error_of_open(forbidden / "new", O_WRONLY | O_CREAT) != EACCES) return 4;
          if (error_of(unlink((forbidden / "secret").c_str())) != EACCES) return 5;
          if (error_of_open(allowed / "old", O_RDWR) != 0) return 6;
          if (error_of_open(allowed / "new", O_WRONLY | O_CREAT | O_TRUNC) != 0) return 7;
          if (error_of(rename((allowed / "new").c_str(), (allowed / "newer").c_str())) != 0) return 8;
          if (error_of(unlink((allowed / "newer").c_str())) != 0) return 9;
          if (error_of_open(readable / "notes", O_RDONLY) != 0) return 10;
          if (error_of_open(readable / "notes", O_RDWR) != EACCES) return 11;
          if (write(open_before, "y", 1) != 1) return 12;
          if (reached.landlock_abi >= 2 &&
              error_of(rename((allowed / "old").c_str(), (forbidden / "old").c_str())) != EACCES)
            return 13;
          return std::ranges::find(reached.missing,
                                   "Landlock leaves out /no/such/file: No such file or directory") ==
                         reached.missing.end()
                     ? 14
                     : 0;
        }) == 0);
  close(open_before);
}

TEST_CASE("no program can be started, and no call be made that a scan does not need") {
  int status = confined({}, [](const Confinement& reached) {
    const char* const words[] = {"/bin/true", nullptr};
    // Landlock or seccomp; with neither the machine cannot do it.
    if (reached.landlock || reached.seccomp) {
      execve("/bin/true", const_cast<char* const*>(words), nullptr);
      if (errno != EPERM && errno != EACCES) return 1;
    }
    if (!reached.seccomp) return 77;
    if (error_of(fork()) != EPERM) return 2;
    if (error_of(syscall(SYS_ptrace, 0, 0, 0, 0)) != EPERM) return 3;
    if (error_of(syscall(SYS_unshare, CLONE_NEWUSER)) != EPERM) return 4;
    if (error_of(syscall(SYS_bpf, 0, nullptr, 0)) != EPERM) return 5;
    if (error_of(syscall(SYS_io_uring_setup, 1, nullptr)) != EPERM) return 6;
    if (error_of(kill(getppid(), 0)) != EPERM) return 7;
    if (mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
      return 8;
    if (error_of(socket(AF_NETLINK, SOCK_RAW, 9)) != EPERM) return 9;  // NETLINK_AUDIT
    if (error_of(socket(AF_VSOCK, SOCK_STREAM, 0)) != EPERM) return 10;
    return 0;
  });
  if (status == 77) {
    if (!kSanitized) MESSAGE("SKIPPED: no seccomp here");
  } else {
    CHECK(status == 0);
  }
}

TEST_CASE("what a scan needs still works") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  Routes routes = Routes::open().value();
  ChannelOptions options;
  options.interface = TwoNetworks::interface("near");
  options.filter.addresses = {kNear};
  Channel channel = Channel::open(options).value();
  LinkAddress to;
  int listener = -1;
  lab.at_far([&] {
    to = TwoNetworks::interface("far").address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SocketAddress at(kFar, Port{22});
    REQUIRE(bind(listener, at.get(), at.size()) == 0);
    REQUIRE(listen(listener, 5) == 0);
  });
  CHECK(confined({}, [&](const Confinement&) {
          if (!routes.to(kFar)) return 1;
          if (!routes.interface("near")) return 2;
          // A raw probe and its answer.
          TcpCraft syn;
          syn.source_port = 40000;
          syn.port = 22;
          syn.flags = 0x02;
          Frame packet = craft_tcp(kNear, kFar, syn);
          std::copy(packet.begin(), packet.end(), channel.room().begin());
          channel.commit(packet.size(), to);
          if (channel.flush().sent != 1) return 3;
          bool answered = false;
          for (int i = 0; i < 200 && !answered; ++i) {
            pollfd wait{channel.poll_fd(), POLLIN, 0};
            poll(&wait, 1, 10);
            channel.receive([&](const Received& r) { answered |= !r.arp && (r.packet[33] & 0x12) == 0x12; });
          }
          if (!answered) return 4;
          // A conversation through the kernel.
          int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
          SocketAddress there(kFar, Port{22});
          if (fd < 0 || (connect(fd, there.get(), there.size()) != 0 && errno != EINPROGRESS)) return 5;
          pollfd wait{fd, POLLOUT, 0};
          if (poll(&wait, 1, 2000) != 1) return 6;
          int error = -1;
          socklen_t size = sizeof error;
          if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return 7;
          if (if_nametoindex("near") == 0) return 8;  // how a channel finds its interface again
          if (isatty(fd) != 0) return 9;
          bool ran = false;
          std::thread([&] { ran = true; }).join();
          if (!ran) return 10;
          std::vector<char> much(std::size_t{8} << 20, 'a');
          if (std::string(1000, much[77]).back() != 'a') return 11;
          QuietPorts::Wish wish;
          wish.addresses = {kNear};
          wish.count = 4;
          if (!QuietPorts::hold(wish)) return 12;
          timespec nap{0, 1000};
          nanosleep(&nap, nullptr);
          return 0;
        }) == 0);
  close(listener);
}

TEST_CASE("with children programs still run, and have no more privilege than we") {
  ConfineOptions options;
  options.children = true;
  CHECK(confined(options, [](const Confinement&) {
          if (std::system("exec 2>/dev/null; cat /etc/passwd >/dev/null") != 0) return 1;
          if (landlock_abi() > 0 && std::system("(: >/tmp/demarc-test-forbidden) 2>/dev/null") == 0) return 2;
          if (std::system("exec 2>/dev/null; grep -q '^CapEff:.0000000000000000$' /proc/self/status") != 0)
            return 3;
          if (error_of(socket(AF_PACKET, SOCK_RAW, 0)) != EPERM) return 4;
          return 0;
        }) == 0);
}

TEST_CASE("it refuses where a second thread would keep its privilege") {
  if (kSanitized) return;  // they may have threads of their own, so nothing is refused
  pid_t child = fork();
  if (child == 0) {
    std::atomic<bool> stop = false;
    std::thread second([&] {
      while (!stop) usleep(1000);
    });
    Result<Confinement> reached = confine({});
    stop = true;
    second.join();
    _exit(reached ? 1 : 0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("what would be possible is found without giving anything up") {
  std::uint64_t before = capabilities_left();
  Confinement possible = confinement_possible();
  CHECK(possible.capabilities_dropped);
  CHECK(possible.no_new_privileges);
  CHECK(possible.landlock_abi == landlock_abi());
  CHECK(possible.landlock == (possible.landlock_abi > 0));
  CHECK((possible.seccomp || !possible.missing.empty()));
  CHECK(possible.text().starts_with("no capabilities, no new privileges"));
  CHECK(capabilities_left() == before);
  CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
}

TEST_CASE("what was reached is said in words") {
  Confinement nothing;
  CHECK(nothing.text() == "none");
  Confinement all;
  all.capabilities_dropped = all.no_new_privileges = all.landlock = all.seccomp = true;
  all.landlock_abi = 5;
  CHECK(all.text() == "no capabilities, no new privileges, Landlock ABI 5, seccomp");
}

TEST_CASE("a channel is opened by whoever can") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  ChannelOptions options;
  options.interface = TwoNetworks::interface("near");
  CHECK(raw_ability().how == RawPrivilege::own);
  CHECK(open_channel(options, raw_ability()).has_value());
  RawAbility none{RawPrivilege::none, "run as root", ""};
  CHECK(open_channel(options, none).error() == Error{{}, "raw probes are not possible here", "run as root"});
}
