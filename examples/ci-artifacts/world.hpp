// The part of the world that the jobs of this example change: a file store, an object store, and records, all of them folders.
// Each operation by itself is as safe as such things are (a record is replaced at once, a file is flushed when it is written).
// What takes several operations is not, and that is the point.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace turnwise::ci_artifacts {

/// The columns of a row. Reading one and writing it back are two steps.
using Record = std::map<std::string, std::string>;

class World {
public:
  /// Makes the folders where needed.
  explicit World(std::filesystem::path folder);

  /// @param subject  `type:id`; every record has the name of its subject. Throws std::runtime_error when there is none.
  [[nodiscard]] Record read(std::string_view subject) const;
  [[nodiscard]] bool has(std::string_view subject) const;
  /// Replaces or creates the record, atomically.
  void write(std::string_view subject, const Record& record) const;

  [[nodiscard]] std::filesystem::path in_file_store(std::string_view name) const { return folder_ / "file-store" / name; }
  [[nodiscard]] std::filesystem::path in_object_store(std::string_view name) const { return folder_ / "object-store" / name; }
  /// Where a running job writes its log, and where logs were kept in older versions.
  [[nodiscard]] std::filesystem::path live_log(std::string_view name) const { return folder_ / "live-logs" / name; }
  [[nodiscard]] std::filesystem::path legacy_log(std::string_view name) const { return folder_ / "legacy-logs" / name; }

private:
  [[nodiscard]] std::filesystem::path record_path(std::string_view subject) const;
  std::filesystem::path folder_;
};

/// Content of a file. Throws std::runtime_error when there is none.
std::string read_file(const std::filesystem::path& path);
/// SHA-256 of a file's content, hexadecimal. Throws std::runtime_error when there is none.
std::string checksum(const std::filesystem::path& path);
std::string checksum_of(std::string_view content);
void write_file(const std::filesystem::path& path, std::string_view content);

/// Copies piece by piece and returns when the copy is on the disk, as an object store answers an upload.
/// Throws std::runtime_error; what was written until then stays.
void upload(const std::filesystem::path& from, const std::filesystem::path& to);

} // namespace turnwise::ci_artifacts
