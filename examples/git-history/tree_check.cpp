#include "examples/git-history/tree_check.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>
#include <unordered_set>

#include "examples/git-history/digest.hpp"

namespace turnwise::git_history {

namespace fs = std::filesystem;

namespace {

/// Whether every component is a plain name: no way out of the folder.
bool stays_inside(std::string_view path) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto component = path.substr(begin, end - begin);
    if (component.empty() || component == "." || component == "..") {
      return false;
    }
    begin = end + 1;
  }
  return true;
}

void write_one(const Stored& stored, const fs::path& target) {
  fs::create_directories(target.parent_path());
  if (stored.version.submodule()) {
    fs::create_directory(target);
  } else if (stored.version.mode == "120000") {
    fs::create_symlink(stored.content, target);
  } else {
    std::ofstream file{target, std::ios::binary};
    file.write(stored.content.data(), static_cast<std::streamsize>(stored.content.size()));
    file.close();
    if (!file) {
      throw fs::filesystem_error{"cannot write", target, std::make_error_code(std::errc::io_error)};
    }
    const bool executable = stored.version.mode == "100755";
    fs::permissions(target, fs::perms::owner_exec, executable ? fs::perm_options::add : fs::perm_options::remove);
  }
}

/// What stands in a folder, in git's words.
std::string mode_of(const fs::path& path) {
  const auto status = fs::symlink_status(path);
  switch (status.type()) {
  case fs::file_type::symlink:
    return "120000";
  case fs::file_type::directory:
    return "160000";
  case fs::file_type::regular:
    return (status.permissions() & fs::perms::owner_exec) != fs::perms::none ? "100755" : "100644";
  default:
    return "000000";
  }
}

std::string content_of(const fs::path& path, std::string_view mode) {
  if (mode == "120000") {
    return fs::read_symlink(path).string();
  }
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
}

std::string difference_at(const fs::path& path, const TreeEntry& entry, BlobReader& blobs) {
  const auto mode = mode_of(path);
  // Very old histories have 100664, which git checks out like 100644.
  const auto wanted = entry.version.mode == "100664" ? std::string{"100644"} : entry.version.mode;
  if (mode != wanted) {
    return mode == "000000" ? "is missing" : "is " + mode + " instead of " + wanted;
  }
  if (entry.version.submodule()) {
    return fs::is_empty(path) ? "" : "is a submodule, but its folder is not empty";
  }
  const auto content = blobs.read(entry.version.object);
  if (!content) {
    return "cannot be compared: the repository does not have its blob " + entry.version.object;
  }
  return content_of(path, mode) == *content ? "" : "has other content";
}

} // namespace

std::vector<std::string> write_tree(const FlatStore& store, const LastChanges& last_changes, const fs::path& folder) {
  std::vector<std::string> faults;
  std::size_t known{};
  fs::create_directories(folder);
  store.visit([&](const Stored& stored) {
    const auto last = last_changes.find(stored.path);
    known += last != last_changes.end() ? 1 : 0;
    if (last == last_changes.end()) {
      faults.push_back(quoted_path(stored.path) + " was never submitted");
    } else if (last->second != stored.number) {
      faults.push_back(quoted_path(stored.path) + " stands at change " + std::to_string(stored.number) + " instead of " +
                       std::to_string(last->second));
    }
    if (stored.version.absent()) {
      return;
    }
    try {
      if (!stays_inside(stored.path)) {
        throw std::runtime_error{"its path leads out of the folder"};
      }
      write_one(stored, folder / stored.path);
    } catch (const std::exception& error) {
      faults.push_back(quoted_path(stored.path) + " cannot be written: " + error.what());
    }
  });
  if (known != last_changes.size()) {
    faults.push_back(std::to_string(last_changes.size() - known) + " paths were never written");
  }
  return faults;
}

Comparison compare_tree(const fs::path& folder, const std::string& repository, const std::string& commit) {
  Comparison comparison;
  BlobReader blobs{repository};
  std::unordered_set<std::string> expected;
  for (const auto& entry : list_tree(repository, commit)) {
    ++comparison.files;
    if (const auto difference = difference_at(folder / entry.path, entry, blobs); !difference.empty()) {
      comparison.differences.push_back(quoted_path(entry.path) + " " + difference);
    }
    expected.insert(entry.path);
  }
  for (const auto& entry : fs::recursive_directory_iterator{folder}) {
    const auto path = entry.path().native().substr(folder.native().size() + 1);
    if ((entry.is_symlink() || !entry.is_directory()) && !expected.contains(path)) {
      comparison.differences.push_back(quoted_path(path) + " is not in the commit");
    }
  }
  return comparison;
}

} // namespace turnwise::git_history
