#include "scanner/active/raw/system_calls.h"

#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace demarc {

namespace {

/// By name, with blanks between, since not every architecture has all of them.
constexpr std::string_view kNeeded[] = {
    // bytes in and out
    "read readv pread64 preadv write writev pwrite64 pwritev lseek _llseek close close_range fsync "
    "fdatasync sync_file_range ftruncate ftruncate64 fallocate fadvise64 copy_file_range sendfile fcntl "
    "fcntl64 flock dup dup2 dup3 pipe pipe2",
    // files, as far as Landlock lets us
    "open openat stat stat64 lstat lstat64 fstat fstat64 newfstatat fstatat64 statx statfs statfs64 "
    "fstatfs fstatfs64 access faccessat faccessat2 readlink readlinkat getdents64 getcwd mkdir mkdirat "
    "rename renameat renameat2 unlink unlinkat fchmod umask",
    // memory; mapping it executable is below
    "munmap mremap madvise brk",
    // waiting
    "poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create epoll_create1 "
    "epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd2 timerfd_create timerfd_settime "
    "timerfd_settime64 timerfd_gettime signalfd4 nanosleep clock_nanosleep clock_nanosleep_time64 futex "
    "futex_time64 restart_syscall setitimer getitimer",
    // sockets; making one is below
    "connect bind listen accept accept4 getsockname getpeername setsockopt getsockopt send sendto recv "
    "recvfrom sendmsg recvmsg sendmmsg recvmmsg recvmmsg_time64 shutdown socketpair",
    // time, chance, ourselves
    "clock_gettime clock_gettime64 clock_getres clock_getres_time64 gettimeofday time getrandom getpid "
    "gettid getppid getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 uname sysinfo "
    "getrusage getrlimit ugetrlimit setrlimit times capget sched_yield sched_getaffinity "
    "membarrier rseq set_robust_list get_robust_list",
    // signals and the end
    "rt_sigaction rt_sigprocmask rt_sigreturn sigreturn rt_sigtimedwait rt_sigtimedwait_time64 "
    "rt_sigpending rt_sigsuspend sigaltstack tgkill exit exit_group",
};

/// What no program that we start for a scan needs, and what an attacker would reach for.
constexpr std::string_view kDangerous[] = {
    "ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp bpf perf_event_open "
    "userfaultfd io_uring_setup io_uring_enter io_uring_register mount umount2 move_mount open_tree "
    "fsopen fsmount fsconfig fspick mount_setattr pivot_root chroot unshare setns init_module "
    "finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct quotactl "
    "settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname iopl ioperm modify_ldt "
    "syslog vhangup mknod mknodat open_by_handle_at lookup_dcookie add_key request_key nfsservctl mbind "
    "migrate_pages move_pages fanotify_init",
};

using Context = std::unique_ptr<void, decltype(&seccomp_release)>;

scmp_arg_cmp equals(unsigned argument, int value) {
  return {argument, SCMP_CMP_EQ, static_cast<scmp_datum_t>(value), 0};
}
scmp_arg_cmp equals_under(unsigned argument, unsigned mask, int value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, static_cast<scmp_datum_t>(value)};
}

/// Adds rules and remembers the first that failed.
class Rules {
 public:
  explicit Rules(scmp_filter_ctx context) : context_(context) {}

  void add(std::uint32_t action, const std::string& name, std::initializer_list<scmp_arg_cmp> conditions = {}) {
    int number = seccomp_syscall_resolve_name(name.c_str());
    if (number == __NR_SCMP_ERROR) return;  // not known to this library
    int error = seccomp_rule_add_array(context_, action, number, static_cast<unsigned>(conditions.size()),
                                       conditions.begin());
    // A call that this architecture does not have, in a shape that cannot be expressed for it.
    if (error != 0 && error != -EDOM && error != -EOPNOTSUPP && error_ == 0) error_ = -error;
  }
  void add_all(std::uint32_t action, std::span<const std::string_view> lists) {
    for (std::string_view list : lists)
      for (std::size_t end; !list.empty(); list.remove_prefix(std::min(list.size(), end + 1))) {
        end = std::min(list.find(' '), list.size());
        add(action, std::string(list.substr(0, end)));
      }
  }
  int error() const { return error_; }

 private:
  scmp_filter_ctx context_;
  int error_ = 0;
};

void allow_what_a_scan_needs(Rules& rules) {
  rules.add_all(SCMP_ACT_ALLOW, kNeeded);

  for (const char* name : {"mmap", "mmap2", "mprotect"})
    rules.add(SCMP_ACT_ALLOW, name, {equals_under(2, PROT_EXEC, 0)});

  // Probes and their conversations, netlink for routes; nothing raw, nothing of a packet socket's kind.
  constexpr unsigned kTypeMask = 0xF;  // the rest of the argument is flags
  for (int domain : {AF_UNIX, AF_INET, AF_INET6})
    for (int type : {SOCK_STREAM, SOCK_DGRAM})
      rules.add(SCMP_ACT_ALLOW, "socket", {equals(0, domain), equals_under(1, kTypeMask, type)});
  rules.add(SCMP_ACT_ALLOW, "socket", {equals(0, AF_NETLINK), equals(2, NETLINK_ROUTE)});

  // Is it a terminal, how wide is it, what waits in a socket, which number has an interface.
  for (int request : {TCGETS, TIOCGWINSZ, TIOCGPGRP, FIONREAD, FIONBIO, FIOCLEX, SIOCGIFINDEX, SIOCGIFNAME})
    rules.add(SCMP_ACT_ALLOW, "ioctl", {equals(1, request)});

  rules.add(SCMP_ACT_ALLOW, "prctl", {equals(0, PR_SET_NAME)});
  rules.add(SCMP_ACT_ALLOW, "prlimit64", {equals(0, 0)});  // our own limits
  // Threads, not processes. What clone3 is asked for cannot be seen by a filter: without it the C library uses
  // clone.
  rules.add(SCMP_ACT_ALLOW, "clone", {equals_under(0, CLONE_THREAD, CLONE_THREAD)});
  rules.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
}

void deny_what_children_never_need(Rules& rules) {
  rules.add_all(SCMP_ACT_ERRNO(EPERM), kDangerous);
  rules.add(SCMP_ACT_ERRNO(EPERM), "socket", {equals(0, AF_PACKET)});
  rules.add(SCMP_ACT_ERRNO(EPERM), "ioctl", {equals(1, TIOCSTI)});  // types into our terminal
}

}  // namespace

int restrict_system_calls(bool children) {
  Context context(seccomp_init(children ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM)), &seccomp_release);
  if (!context) return ENOMEM;
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0);  // is set already
  // A binary tree instead of a list: a scan makes many calls.
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  Rules rules(context.get());
  if (children)
    deny_what_children_never_need(rules);
  else
    allow_what_a_scan_needs(rules);
  if (rules.error() != 0) return rules.error();
  int error = seccomp_load(context.get());
  return error < 0 ? -error : 0;
}

}  // namespace demarc
