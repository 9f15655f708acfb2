// One changed file of one commit: what a job of this example says.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace turnwise::git_history {

/// What stands at a path in one tree: a mode as git writes it and the id of the object. 100644 and 100755 are files, 120000 a
/// symbolic link whose target is the blob, 160000 a submodule's commit (which has no content here), 000000 nothing.
struct Version {
  std::string mode{"000000"};
  std::string object;

  [[nodiscard]] bool absent() const { return mode == "000000"; }
  [[nodiscard]] bool submodule() const { return mode == "160000"; }
  [[nodiscard]] bool has_content() const { return !absent() && !submodule(); }
  /// All that is absent is equal.
  friend bool operator==(const Version& left, const Version& right) {
    return left.mode == right.mode && (left.absent() || left.object == right.object);
  }
};

struct Change {
  std::string commit;
  std::uint64_t number{}; ///< counts the changes of the whole history from 1
  std::string path;       ///< bytes: git does not ask for an encoding
  Version before;
  Version after;
};

/// Reads what `git diff-tree --stdin -r -z --raw` writes, in pieces of any size.
class RawDiffParser {
public:
  using Sink = std::function<void(Change&&)>;
  explicit RawDiffParser(Sink sink) : sink_(std::move(sink)) {}

  /// Throws std::runtime_error at anything that is not such output.
  void feed(std::string_view bytes);
  /// Throws std::runtime_error when the output ended in the middle.
  void finish() const;

private:
  void token(std::string_view text);

  Sink sink_;
  std::string partial_;
  std::string commit_;
  std::optional<Change> open_; ///< its path comes next
  std::uint64_t count_{};
};

/// `path:` and the path; where that is no valid subject (too long, not UTF-8, control characters), `path:sha256:` and its hash.
std::string subject_of(std::string_view path);

/// A job's payload, JSON. The path is text where it can be, else base64.
std::string encode_payload(const Change& change, std::string_view run);

struct Payload {
  std::string run;
  Change change;
};
std::optional<Payload> decode_payload(std::string_view text);

} // namespace turnwise::git_history
