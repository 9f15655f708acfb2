// A disk for PostgreSQL that a test can fill: a tmpfs in a mount namespace of this process and its children, so that it goes
// with them however they end. Needs root.
#pragma once

#include <cstdint>
#include <filesystem>

namespace turnwise::tests {

class SmallDisk {
public:
  explicit SmallDisk(std::uint64_t bytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  /// False when the system does not permit mounts: then there is nothing else to be had from it.
  [[nodiscard]] bool mounted() const { return mounted_; }
  /// A folder on it that belongs to PostgreSQL's user.
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::uint64_t free_bytes() const;

  /// Takes all of its space but this. Throws std::runtime_error when that fails.
  void fill(std::uint64_t bytes_left);
  /// Gives back what fill() took.
  void make_space();

private:
  [[nodiscard]] std::filesystem::path ballast() const { return folder_ / "ballast"; }

  std::filesystem::path folder_;
  bool mounted_{};
};

} // namespace turnwise::tests
