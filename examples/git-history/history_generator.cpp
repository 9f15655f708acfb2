#include "examples/git-history/history_generator.hpp"

#include <array>
#include <string_view>

#include "examples/git-history/digest.hpp"

namespace turnwise::git_history {

namespace {

constexpr std::string_view no_commit = "5ab0c0de5ab0c0de5ab0c0de5ab0c0de5ab0c0de"; // what a submodule points at

/// Names that need care, each once per few hundred paths.
std::string awkward_name(std::uint64_t kind, const std::string& number) {
  switch (kind) {
  case 0:
    return "with space " + number;
  case 1:
    return "quote\"s and 'apostrophes' " + number;
  case 2:
    return "line\nbreak " + number;
  case 3:
    return "grüße-日本語-🙂-" + number;
  case 4:
    return "latin1-\xe9\xe8-" + number; // no UTF-8
  case 5:
    return "-leading-dash-" + number;
  case 6:
    return "back\\slash\ttab-" + number;
  case 7:
    return std::string(235, 'l') + number; // with its folder: more than 255 bytes
  case 8:
    return "sha256:" + number; // looks like the subject of a hashed path
  case 9:
    return "percent%2Fencoded%00" + number;
  case 10:
    return "\x7f"
           "delete" +
           number;
  default:
    return ":(glob)*" + number;
  }
}

} // namespace

std::string fast_import_path(const std::string& path) {
  std::string text{"\""};
  for (const char character : path) {
    if (character == '\n') {
      text += "\\n";
    } else if (character == '"' || character == '\\') {
      (text += '\\') += character;
    } else {
      text += character;
    }
  }
  return text += '"';
}

HistoryGenerator::HistoryGenerator(HistorySettings settings) : settings_(settings), random_(settings.seed) {
  for (std::uint64_t i = 0; i < settings_.paths; ++i) {
    pool_.push_back(make_path(i));
  }
}

std::string HistoryGenerator::make_path(std::uint64_t number) {
  const auto digits = std::to_string(number);
  std::string folder = "folder " + std::to_string(number % 40) + "/deeper-" + std::to_string(number % 7) + "/";
  if (number % 12 == 7) {
    folder += std::string(60, 'd') + "/";
  }
  if (number % 25 == 3) {
    return "switch-" + std::to_string(number / 50) + (number % 50 == 3 ? "" : "/inside/" + digits); // file or folder
  }
  return number % 4 == 1 ? folder + awkward_name(number / 4 % 12, digits) : folder + "file-" + digits + ".txt";
}

std::string HistoryGenerator::content_of(const File& file) {
  if (file.mode == "120000") {
    return "../target of " + std::to_string(file.content);
  }
  std::mt19937_64 random{file.content};
  if (file.content % 50 == 0) {
    return {};
  }
  const bool binary = file.content % 5 == 0;
  std::string content;
  const auto size = random() % (file.content % 200 == 1 ? 100'000 : 900);
  while (content.size() < size) {
    const auto bits = random();
    if (binary) {
      content.append(reinterpret_cast<const char*>(&bits), sizeof bits);
    } else {
      (content += "line ") += std::to_string(bits) += (file.content % 7 == 0 ? "\r\n" : "\n");
    }
  }
  return content;
}

std::string HistoryGenerator::write_file(const std::string& path, const File& file) {
  tree_[path] = file;
  touched_[path] = true;
  if (file.mode == "160000") {
    return "M 160000 " + std::string{no_commit} + " " + fast_import_path(path) + "\n";
  }
  const auto content = content_of(file);
  return "M " + file.mode + " inline " + fast_import_path(path) + "\ndata " + std::to_string(content.size()) + "\n" + content +
         "\n";
}

/// Deletes what cannot stand beside `path`: files where its folders are to be, and files in a folder of its own name.
std::string HistoryGenerator::make_room_for(const std::string& path) {
  std::vector<std::string> gone;
  for (auto end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1)) {
    if (tree_.contains(path.substr(0, end))) {
      gone.push_back(path.substr(0, end));
    }
  }
  const auto inside = path + "/";
  for (auto at = tree_.lower_bound(inside); at != tree_.end() && at->first.starts_with(inside); ++at) {
    gone.push_back(at->first);
  }
  std::string text;
  for (const auto& other : gone) {
    former_[other] = tree_.extract(other).mapped();
    touched_[other] = true;
    text += "D " + fast_import_path(other) + "\n";
  }
  return text;
}

std::string HistoryGenerator::change_one(const std::string& path) {
  const auto current = tree_.find(path);
  const auto fresh = [&] { return mark_ * 1'000 + draw(1'000) + 1; };
  if (current == tree_.end()) {
    static constexpr std::array<const char*, 10> modes = {"100644", "100644", "100644", "100644", "100644",
                                                          "100755", "100755", "120000", "100644", "160000"};
    const auto former = former_.find(path);
    const bool comes_back = former != former_.end() && draw(2) == 0;
    const File file = comes_back ? former->second : File{modes.at(draw(modes.size())), fresh()};
    auto text = make_room_for(path);
    return text += write_file(path, file);
  }
  File file = current->second;
  const auto choice = draw(10);
  if (choice < 2) {
    former_[path] = file;
    tree_.erase(current);
    touched_[path] = true;
    return "D " + fast_import_path(path) + "\n";
  }
  if (choice == 2 && (file.mode == "100644" || file.mode == "100755")) {
    file.mode = file.mode == "100644" ? "100755" : "100644"; // the bit alone
  } else if (choice == 3) {
    file = {file.mode == "120000" ? "100644" : "120000", fresh()};
  } else {
    file = {file.mode == "160000" ? "100644" : file.mode, fresh()};
  }
  return write_file(path, file);
}

std::string HistoryGenerator::commit_text(const Commit& commit, const std::string& changes) {
  const auto message = "commit " + std::to_string(commit.mark) + "\n";
  std::string text = "commit refs/heads/" + std::string{commit.branch} + "\nmark :" + std::to_string(commit.mark) +
                     "\ncommitter A U Thor <author@example.com> " + std::to_string(1'700'000'000 + commit.mark) +
                     " +0000\ndata " + std::to_string(message.size()) + "\n" + message;
  if (commit.first_parent != 0) {
    text += "from :" + std::to_string(commit.first_parent) + "\n";
  }
  if (commit.second_parent != 0) {
    text += "merge :" + std::to_string(commit.second_parent) + "\n";
  }
  return text + changes + "\n";
}

std::string HistoryGenerator::next() {
  const auto per_commit = settings_.changes / settings_.commits + 1;
  touched_.clear();
  std::string changes;
  for (std::uint64_t tries = 0; touched_.size() < per_commit && tries < per_commit * 4; ++tries) {
    // A few paths change often, the rest now and then.
    const auto& path = pool_[draw(4) == 0 ? draw(pool_.size() / 50 + 1) : draw(pool_.size())];
    if (!touched_.contains(path)) {
      changes += change_one(path);
    }
  }
  changes_ += touched_.size();
  ++commits_;

  std::string text;
  std::uint64_t side{};
  if (commits_ % 9 == 0) { // a merge: what another branch brought counts once, against the first parent
    side = ++mark_;
    text = commit_text({"side", side, tip_, 0}, changes);
  }
  const auto mark = ++mark_;
  text += commit_text({"main", mark, tip_, side}, changes);
  tip_ = mark;
  return text;
}

} // namespace turnwise::git_history
