#include "scanner/files/capture_list.h"

#include <dirent.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "scanner/files/file.h"

namespace demarc {

namespace {

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// What opens as a capture, or says by its first bytes that it wants to be one: the error is then worth hearing.
Result<std::vector<std::string>> too_many(const std::string& word) {
  return failure(fmt::format("'{}' is more than {} files", word, kCaptureFilesMax), "narrow it down");
}

Result<std::vector<std::string>> files_of_directory(const std::string& word) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(word.c_str()), ::closedir);
  if (!directory) return std::unexpected(file_error(word, "cannot be listed", errno));
  std::vector<std::string> files;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] == '.') continue;
    std::string path = word + (word.ends_with('/') ? "" : "/") + entry->d_name;
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (files.size() == kCaptureFilesMax) return too_many(word);
    files.push_back(std::move(path));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

bool is_pattern(const std::string& word) {
  struct stat status {};
  return word.find_first_of("*?[") != std::string::npos && ::stat(word.c_str(), &status) != 0;
}

Result<std::vector<std::string>> files_of(const std::string& word) {
  if (word == "-") return std::vector<std::string>{word};
  if (is_directory(word)) return files_of_directory(word);
  if (!is_pattern(word)) return std::vector<std::string>{word};
  glob_t found{};
  const int status = ::glob(word.c_str(), 0, nullptr, &found);
  const std::unique_ptr<glob_t, void (*)(glob_t*)> owner(&found, ::globfree);
  if (status == GLOB_NOSPACE) return too_many(word);
  if (status != 0 && status != GLOB_NOMATCH)
    return failure(fmt::format("'{}' cannot be looked for: a directory on the way cannot be read", word));
  if (found.gl_pathc > kCaptureFilesMax) return too_many(word);
  std::vector<std::string> files;
  for (std::size_t i = 0; i < found.gl_pathc; ++i)
    if (std::string path = found.gl_pathv[i]; !is_directory(path)) files.push_back(std::move(path));
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace demarc
