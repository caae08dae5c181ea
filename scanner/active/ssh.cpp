#include "scanner/active/ssh.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/text/escape.h"

namespace demarc {

namespace {

constexpr std::size_t kWordMax = 4096, kCommandMax = 64 * 1024;

/// Options of ssh that no configuration file may change: the command line's come first and win (ssh_config(5)).
constexpr std::string_view kOptions[] = {
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "ClearAllForwardings=yes",
    "RequestTTY=no",
    "ControlMaster=no",
    "ControlPath=none",
    "LogLevel=ERROR",
    "EscapeChar=none",
    "StdinNull=no",
    "ForkAfterAuthentication=no",
};

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._:/=,@%+-").find(c) != std::string_view::npos;
}

}  // namespace

bool is_plain_word(std::string_view word) {
  return !word.empty() && word.size() <= kWordMax && word.front() != '=' &&
         std::all_of(word.begin(), word.end(), plain);
}

Result<std::string> remote_command(std::span<const std::string> words) {
  std::string command;
  for (const std::string& word : words) {
    if (!is_plain_word(word)) {
      return failure(fmt::format("'{}' cannot be a word of a command on another machine", bytes_escaped(word)),
                     "letters, digits and . _ : / = , @ % + - only");
    }
    command += (command.empty() ? "" : " ") + word;
  }
  if (command.size() > kCommandMax)
    return failure("the command for the other machine is too long", "give the targets in a file: -iL FILE");
  return command;
}

Result<std::vector<std::string>> words_of_command(std::string_view command) {
  if (command.size() > kCommandMax) return failure("the command is too long");
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin <= command.size();) {
    std::size_t end = std::min(command.find(' ', begin), command.size());
    std::string_view word = command.substr(begin, end - begin);
    if (!is_plain_word(word))
      return failure(fmt::format("'{}' is no word that a command from another machine may hold",
                                 bytes_escaped(word.substr(0, 80))));
    words.emplace_back(word);
    begin = end + 1;
  }
  return words;
}

std::vector<std::string> ssh_arguments(const Vantage::Ssh& ssh, const std::string& command) {
  std::vector<std::string> words = {"ssh", "-T"};
  auto option = [&](std::string text) {
    words.emplace_back("-o");
    words.push_back(std::move(text));
  };
  for (std::string_view text : kOptions) option(std::string(text));
  if (!ssh.known_hosts.empty()) option("UserKnownHostsFile=" + ssh.known_hosts);
  if (!ssh.identity.empty()) {
    option("IdentitiesOnly=yes");
    words.emplace_back("-i");
    words.push_back(ssh.identity);
  }
  if (!ssh.jump.empty()) {
    words.emplace_back("-J");
    words.push_back(ssh.jump);
  }
  words.emplace_back("-p");
  words.push_back(std::to_string(ssh.port));
  words.emplace_back("--");
  words.push_back(ssh.host);
  words.push_back(command);
  return words;
}

}  // namespace demarc
