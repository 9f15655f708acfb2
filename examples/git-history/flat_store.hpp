// Where the workers write: one file per path, named by the path's hash, that holds the content and what is known about it.
//
// Why no folder tree while jobs run: jobs of different paths run in parallel, and in a tree they are not independent ("a" must
// be gone before "a/b" can come). In the flat store two paths never share a file, whatever their names are.
//
// Why one file with a head and the content, instead of two: a rename replaces both at once, so that a worker killed at any
// moment leaves either all of the old version or all of the new one. A deleted path keeps its file, without content, because
// its fencing token must not be forgotten.
//
// This is what a store has to do to be safe with at-least-once execution: compare the fencing token and change the content in
// one step. The step is a lock of the operating system, which a killed worker cannot keep, around read, compare and rename.
// Files are not flushed to disk: the store outlives its processes, not the machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "examples/git-history/change.hpp"

namespace turnwise::git_history {

/// All that the store knows about one path.
struct Stored {
  std::uint64_t token{};  ///< of the attempt that wrote it
  std::uint64_t number{}; ///< of the change that was applied last
  Version version;
  std::string path;
  std::string content; ///< empty for what has none
};

enum class Verdict : std::uint8_t {
  applied,
  repeated,   ///< an earlier attempt of the same job had done it: nothing to do
  superseded, ///< a later turn of the subject has written already: this attempt is too old
  refused,    ///< the path does not hold the version that the change begins with
};

struct Application {
  Verdict verdict{};
  std::string reason; ///< of superseded and refused
};

class FlatStore {
public:
  /// Makes the folder where needed. Throws std::filesystem::filesystem_error.
  explicit FlatStore(std::filesystem::path folder);

  /// Brings the change's path from `before` to `after`, if that is the next thing to happen to it. Any number of processes and
  /// threads may call this. Throws std::system_error or std::filesystem::filesystem_error when the disk says no.
  /// @param token    fencing token of the attempt
  /// @param content  of `after`
  Application apply(const Change& change, std::uint64_t token, std::string_view content);

  /// Calls `visit` for every path ever written, also deleted ones, in no order. Nobody may write meanwhile.
  /// Throws std::runtime_error at a damaged file.
  void visit(const std::function<void(const Stored&)>& visit) const;

private:
  [[nodiscard]] std::filesystem::path file_of(std::string_view path) const;
  std::filesystem::path folder_;
};

/// The text of a store's file, and back. Throws std::runtime_error at a damaged one.
std::string encode_stored(const Stored& stored);
Stored decode_stored(std::string_view text);

/// What apply() decides, without the disk.
/// @param token  of the attempt that wants to apply the change
Application judge(const Stored& stored, const Change& change, std::uint64_t token);

} // namespace turnwise::git_history
