#include "scanner/active/raw/privilege.h"

#include <fmt/format.h>
#include <linux/if_packet.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "scanner/active/raw/capabilities.h"
#include "scanner/active/raw/landlock.h"
#include "scanner/active/raw/sender_client.h"
#include "scanner/active/raw/system_calls.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEMARC_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define DEMARC_SANITIZED 1
#endif
#endif

namespace demarc {

namespace {

#ifdef DEMARC_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

/// 0 where /proc does not say.
unsigned thread_count() {
  unsigned count = 0;
  if (std::FILE* file = std::fopen("/proc/self/status", "re")) {
    char line[256];
    while (std::fgets(line, sizeof line, file) != nullptr)
      if (std::sscanf(line, "Threads: %u", &count) == 1) break;
    std::fclose(file);
  }
  return count;
}

std::string cause(int error) { return std::strerror(error); }

}  // namespace

std::string Confinement::text() const {
  std::vector<std::string> words;
  if (capabilities_dropped) words.push_back("no capabilities");
  if (no_new_privileges) words.push_back("no new privileges");
  if (landlock) words.push_back(fmt::format("Landlock ABI {}", landlock_abi));
  if (seccomp) words.push_back("seccomp");
  return words.empty() ? "none" : fmt::format("{}", fmt::join(words, ", "));
}

Result<Confinement> confine(const ConfineOptions& options) {
  // Capabilities and Landlock belong to a thread; a second one would keep what this one gives up. (A sanitizer may
  // have a thread of its own.)
  if (!kSanitized && thread_count() > 1)
    return failure("privilege cannot be given up: there is more than one thread already");
  Confinement reached;

  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
    reached.no_new_privileges = true;
  else
    reached.missing.push_back("no new privileges: " + cause(errno));

  if (!keep_capabilities(0)) return failure("cannot drop capabilities: " + cause(errno));
  if (capabilities_left() != 0) return failure("capabilities were dropped and some are still there");
  reached.capabilities_dropped = true;

  reached.landlock_abi = landlock_abi();
  if (reached.landlock_abi == 0) {
    reached.missing.push_back("Landlock: this kernel has none, or it is not among its 'lsm=' modules");
  } else {
    LandlockWish wish{options.writable, options.readable, options.children};
    if (kSanitized) wish.readable.push_back("/proc");  // sanitizers read their own maps when they report
    std::vector<std::string> not_there;
    if (landlock_restrict(wish, reached.landlock_abi, not_there))
      reached.landlock = true;
    else
      reached.missing.push_back("Landlock: " + cause(errno));
    for (const std::string& path : not_there) reached.missing.push_back("Landlock leaves out " + path);
  }

  if (kSanitized) {
    reached.missing.push_back("seccomp: left out in a build with sanitizers");
  } else if (int error = restrict_system_calls(options.children); error != 0) {
    reached.missing.push_back("seccomp: " + cause(error));
  } else {
    reached.seccomp = true;
  }
  return reached;
}

Confinement confinement_possible() {
  Confinement possible;
  int ends[2];
  if (pipe(ends) != 0) {
    possible.missing.push_back("cannot try: " + cause(errno));
    return possible;
  }
  pid_t child = fork();
  if (child < 0) {
    possible.missing.push_back("cannot try: " + cause(errno));
    close(ends[0]);
    close(ends[1]);
    return possible;
  }
  if (child == 0) {
    close(ends[0]);
    Result<Confinement> tried = confine({});
    std::string text;
    if (tried) {
      text = fmt::format("{}{}{}{}{:03}", tried->capabilities_dropped ? 1 : 0, tried->no_new_privileges ? 1 : 0,
                         tried->landlock ? 1 : 0, tried->seccomp ? 1 : 0, tried->landlock_abi % 1000);
      for (const std::string& line : tried->missing) text += line + '\n';
    } else {
      text = "0000000" + tried.error().what + '\n';
    }
    const char* rest = text.data();
    std::size_t left = text.size();
    while (left > 0) {
      ssize_t written = write(ends[1], rest, left);
      if (written <= 0) break;
      rest += written;
      left -= static_cast<std::size_t>(written);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[512];
  for (;;) {
    ssize_t size = read(ends[0], buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    text.append(buffer, static_cast<std::size_t>(size));
  }
  close(ends[0]);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {}
  constexpr std::size_t kFixed = 7;
  if (text.size() < kFixed) {
    possible.missing.push_back("the process that tried it did not survive");
    return possible;
  }
  possible.capabilities_dropped = text[0] == '1';
  possible.no_new_privileges = text[1] == '1';
  possible.landlock = text[2] == '1';
  possible.seccomp = text[3] == '1';
  possible.landlock_abi = (text[4] - '0') * 100 + (text[5] - '0') * 10 + (text[6] - '0');
  for (std::size_t at = kFixed; at < text.size();) {
    std::size_t end = std::min(text.find('\n', at), text.size());
    possible.missing.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return possible;
}

RawAbility raw_ability() {
  RawAbility ability;
  // Asked of the kernel, not of the capability sets: a container may have the bit and still forbid it.
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    close(fd);
    ability.how = RawPrivilege::own;
    return ability;
  }
  char path[4096];
  ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  std::string program(path, size > 0 ? static_cast<std::size_t>(size) : 0);
  std::string directory = program.substr(0, program.rfind('/') + 1);
  // Beside us; as installed; as built.
  for (const char* place : {"demarc-sender", "../libexec/demarc/demarc-sender", "../active/sender/demarc-sender"}) {
    std::string candidate = directory + place;
    if (directory.empty() || access(candidate.c_str(), F_OK) != 0) continue;
    if (char* real = realpath(candidate.c_str(), nullptr)) {
      candidate = real;
      std::free(real);
    }
    ability.sender = candidate;
    if (Result<void> checked = check_sender(candidate)) {
      ability.how = RawPrivilege::sender;
      return ability;
    }
    break;
  }
  ability.why =
      ability.sender.empty()
          ? fmt::format("no CAP_NET_RAW, and no demarc-sender beside {}: run as root", program)
          : fmt::format("no CAP_NET_RAW: run as root, or once as root: setcap cap_net_raw+ep {}", ability.sender);
  return ability;
}

Result<Channel> open_channel(const ChannelOptions& options, const RawAbility& ability) {
  switch (ability.how) {
    case RawPrivilege::own: return Channel::open(options);
    case RawPrivilege::sender: {
      PacketSockets sockets = DEMARC_TRY(open_by_sender(ability.sender, options));
      return Channel::adopt(options, sockets.send_fd, sockets.receive_fd, sockets.loopback_ipv4_fd);
    }
    case RawPrivilege::none: break;
  }
  return failure("raw probes are not possible here", ability.why);
}

}  // namespace demarc
