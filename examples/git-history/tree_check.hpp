// The end of the story: the store written out as an ordinary folder, and that folder compared with the commit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "examples/git-history/flat_store.hpp"
#include "examples/git-history/git.hpp"

namespace turnwise::git_history {

/// Number of the last change of each path: what the store must have come to.
using LastChanges = std::unordered_map<std::string, std::uint64_t>;

/// Writes what the store holds into a new folder: files with their executable bit, symbolic links, and an empty folder for a
/// submodule, as git itself does. Nothing is written outside of `folder`, whatever the paths are.
/// @returns a sentence for each path that is not in the state that its last change asks for, or that cannot be written.
std::vector<std::string> write_tree(const FlatStore& store, const LastChanges& last_changes,
                                    const std::filesystem::path& folder);

struct Comparison {
  std::uint64_t files{};
  std::vector<std::string> differences; ///< a sentence each
};
/// Compares a folder with a commit byte for byte, in both directions. A submodule must be an empty folder.
Comparison compare_tree(const std::filesystem::path& folder, const std::string& repository, const std::string& commit);

} // namespace turnwise::git_history
