#include "scanner/active/raw/sender_client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "rules/text/escape.h"

namespace demarc {

namespace {

constexpr int kPatienceMs = 10'000;

struct Answer {
  std::string text;
  std::vector<int> descriptors;

  Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  Answer(Answer&&) = default;
  ~Answer() {
    for (int fd : descriptors) close(fd);
  }
};

/// One message with at most three descriptors; whatever else comes is closed.
Answer receive_answer(int fd) {
  Answer answer;
  char text[512];
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))];
  iovec piece{text, sizeof text};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  pollfd wait{fd, POLLIN, 0};
  int ready;
  do ready = poll(&wait, 1, kPatienceMs);
  while (ready < 0 && errno == EINTR);
  if (ready <= 0) {
    answer.text = "it did not answer";
    return answer;
  }
  ssize_t size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (size <= 0) {
    answer.text = "it ended without an answer";
    return answer;
  }
  answer.text.assign(text, static_cast<std::size_t>(size));
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
      int passed;
      std::memcpy(&passed, CMSG_DATA(c) + i * sizeof(int), sizeof passed);
      answer.descriptors.push_back(passed);
    }
  }
  return answer;
}

Result<Answer> ask_sender(const std::string& program, std::vector<std::string> words) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return failure(fmt::format("cannot talk to {}: {}", program, std::strerror(errno)));
  words.insert(words.begin(), program);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  char* no_environment[] = {nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], kSenderSocket);
  pid_t child = 0;
  int error = posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(), no_environment);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    return failure(fmt::format("cannot start {}: {}", program, std::strerror(error)));
  }
  Answer answer = receive_answer(ends[0]);
  close(ends[0]);
  // It ends by itself after its answer; after none it is our child that hangs. With privilege of its own it may be
  // out of our reach, and then it is left to the kernel.
  if (answer.text != kSenderAnswerOk) kill(child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {}
  if (answer.text != kSenderAnswerOk) return failure(fmt::format("{}: {}", program, terminal_safe(answer.text)));
  return answer;
}

bool is_socket_of(int fd, int wanted) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == wanted;
}

}  // namespace

Result<void> check_sender(const std::string& program) {
  DEMARC_TRY(ask_sender(program, {"check"}));
  return {};
}

Result<PacketSockets> open_by_sender(const std::string& program, const ChannelOptions& options) {
  std::vector<std::string> words = {"open", fmt::format("{}", options.interface.index),
                                    to_string(options.filter.tcp_ports), to_string(options.filter.udp_ports),
                                    options.bypass_qdisc ? "bypass" : "queue"};
  for (const Address& address : options.filter.addresses) words.push_back(to_string(address));
  Answer answer = DEMARC_TRY(ask_sender(program, std::move(words)));
  std::vector<int> families = {AF_PACKET, AF_PACKET};
  if (options.interface.loopback) families.push_back(AF_INET);
  bool as_asked = std::ranges::equal(answer.descriptors, families, is_socket_of);
  if (!as_asked) return failure(fmt::format("{} did not pass on the sockets it was asked for", program));
  PacketSockets opened{answer.descriptors[0], answer.descriptors[1],
                       options.interface.loopback ? answer.descriptors[2] : -1};
  answer.descriptors.clear();
  return opened;
}

}  // namespace demarc
