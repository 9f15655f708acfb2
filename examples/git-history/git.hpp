// What this example asks of git, through its plumbing commands only: these ignore the user's settings for output.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "examples/git-history/change.hpp"
#include "examples/git-history/child_process.hpp"

namespace turnwise::git_history {

/// The commit that `revision` names. Throws std::runtime_error when there is none, or no repository.
std::string resolve_commit(const std::string& repository, const std::string& revision);

/// Calls `sink` for every change of the first-parent history up to `commit`, oldest first, until it returns false. A merge is
/// what it changed against its first parent. Blocks; memory does not grow with the history.
/// Throws std::runtime_error when git fails.
void read_history(const std::string& repository, const std::string& commit, const std::function<bool(Change&&)>& sink);

struct TreeEntry {
  std::string path;
  Version version;
};
/// All files of a commit, ordered by the bytes of their paths. Throws std::runtime_error when git fails.
std::vector<TreeEntry> list_tree(const std::string& repository, const std::string& commit);

/// Contents of blobs, through one long-lived `git cat-file --batch`.
class BlobReader {
public:
  /// Throws std::system_error when there can be no further process.
  explicit BlobReader(const std::string& repository);

  /// The content, or nothing when the repository has no such blob. Throws std::runtime_error when git ended.
  std::optional<std::string> read(std::string_view object);

private:
  std::string read_line();
  std::string read_bytes(std::size_t count);
  void fill();

  Pipe requests_;
  Pipe answers_;
  ChildProcess git_;
  std::string buffer_;
  std::size_t consumed_{};
};

} // namespace turnwise::git_history
