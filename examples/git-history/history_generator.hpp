// Makes up a history that has everything in it that breaks such programs: paths with spaces, quotes, line breaks, bytes that
// are no UTF-8, and more bytes than a subject may have; binary and empty files; executable bits, symbolic links, submodules;
// files that go and come back with the same content; files that become folders and folders that become files; merges.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace turnwise::git_history {

struct HistorySettings {
  std::uint64_t changes{20'000}; ///< at least so many, counted along first parents
  std::uint64_t commits{400};
  std::uint64_t paths{4'000}; ///< about so many different ones
  std::uint64_t seed{1};
};

/// Writes the history as a stream for `git fast-import`, deterministic by its seed.
class HistoryGenerator {
public:
  explicit HistoryGenerator(HistorySettings settings);

  [[nodiscard]] bool done() const { return commits_ >= settings_.commits && changes_ >= settings_.changes; }
  /// The text of the next commit (or two, when it is a merge).
  std::string next();
  [[nodiscard]] std::uint64_t changes() const { return changes_; }

private:
  struct File {
    std::string mode;
    std::uint64_t content{}; ///< what its content is computed from
  };
  struct Commit {
    const char* branch;
    std::uint64_t mark{}, first_parent{}, second_parent{}; ///< marks; 0: none
  };
  static std::string make_path(std::uint64_t number);
  std::string change_one(const std::string& path);
  std::string write_file(const std::string& path, const File& file);
  std::string make_room_for(const std::string& path);
  static std::string content_of(const File& file);
  static std::string commit_text(const Commit& commit, const std::string& changes);
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

  HistorySettings settings_;
  std::mt19937_64 random_;
  std::vector<std::string> pool_;       ///< every path that may be used
  std::map<std::string, File> tree_;    ///< what exists now
  std::map<std::string, File> former_;  ///< the last version of what was deleted
  std::map<std::string, bool> touched_; ///< by the commit that is being made
  std::uint64_t commits_{};
  std::uint64_t changes_{};
  std::uint64_t mark_{};
  std::uint64_t tip_{};
};

/// A path as fast-import wants it.
std::string fast_import_path(const std::string& path);

} // namespace turnwise::git_history
