#include "examples/git-history/git.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <stdexcept>

namespace turnwise::git_history {

namespace {

std::vector<std::string> git_command(const std::string& repository, std::initializer_list<const char*> arguments) {
  std::vector<std::string> command{"git", "--no-replace-objects", "-C", repository};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

void read_to_end(int descriptor, const std::function<bool(std::string_view)>& sink) {
  const auto buffer = std::make_unique<std::array<char, 1U << 16U>>();
  for (;;) {
    const auto count = read_some(descriptor, buffer->data(), buffer->size());
    if (count == 0 || !sink({buffer->data(), count})) {
      return;
    }
  }
}

void expect_success(ChildProcess& process, const std::string& what) {
  if (!process.wait_for(std::chrono::seconds{60})) {
    throw std::runtime_error{what + " does not end"};
  }
  if (process.status() != 0) {
    throw std::runtime_error{what + " failed with status " + std::to_string(process.status())};
  }
}

/// Output of a command that has not much to say.
std::string output_of(std::vector<std::string> command, const std::string& what) {
  auto pipe = Pipe::make();
  ChildProcess process{{std::move(command), -1, pipe.write.get()}};
  pipe.write.close();
  std::string output;
  read_to_end(pipe.read.get(), [&](std::string_view bytes) {
    output.append(bytes);
    return true;
  });
  expect_success(process, what);
  return output;
}

/// `100644 blob <id>\t<path>`
TreeEntry parse_tree_entry(std::string_view line) {
  const auto tab = line.find('\t');
  const auto last_space = line.rfind(' ', tab);
  if (tab == std::string_view::npos || last_space == std::string_view::npos || line.size() < 6) {
    throw std::runtime_error{"git ls-tree wrote something unexpected"};
  }
  return {std::string{line.substr(tab + 1)},
          {std::string{line.substr(0, 6)}, std::string{line.substr(last_space + 1, tab - last_space - 1)}}};
}

} // namespace

std::string resolve_commit(const std::string& repository, const std::string& revision) {
  const std::string name = revision + "^{commit}";
  auto text = output_of(git_command(repository, {"rev-parse", "--verify", "--end-of-options", name.c_str()}),
                        "git rev-parse " + revision + " in " + repository);
  while (text.ends_with('\n')) {
    text.pop_back();
  }
  return text;
}

void read_history(const std::string& repository, const std::string& commit, const std::function<bool(Change&&)>& sink) {
  auto commits = Pipe::make();
  auto changes = Pipe::make();
  ChildProcess list{{git_command(repository, {"rev-list", "--first-parent", "--reverse", "--end-of-options", commit.c_str()}),
                     -1, commits.write.get()}};
  ChildProcess diff{{git_command(repository, {"diff-tree", "--stdin", "-r", "-z", "--root", "--raw", "--no-abbrev",
                                              "--no-renames", "--diff-merges=first-parent"}),
                     commits.read.get(), changes.write.get()}};
  commits.read.close();
  commits.write.close();
  changes.write.close();

  bool wanted = true;
  RawDiffParser parser{[&](Change&& change) { wanted = wanted && sink(std::move(change)); }};
  read_to_end(changes.read.get(), [&](std::string_view bytes) {
    parser.feed(bytes);
    return wanted;
  });
  if (!wanted) {
    return; // both are killed on the way out
  }
  parser.finish();
  expect_success(list, "git rev-list");
  expect_success(diff, "git diff-tree");
}

std::vector<TreeEntry> list_tree(const std::string& repository, const std::string& commit) {
  const auto text = output_of(
      git_command(repository, {"ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit.c_str()}), "git ls-tree");
  std::vector<TreeEntry> entries;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = std::min(rest.find('\0'), rest.size() - 1);
    entries.push_back(parse_tree_entry(rest.substr(0, end)));
    rest.remove_prefix(end + 1);
  }
  std::ranges::sort(entries, {}, &TreeEntry::path);
  return entries;
}

BlobReader::BlobReader(const std::string& repository)
    : requests_(Pipe::make()),
      answers_(Pipe::make()),
      git_({git_command(repository, {"cat-file", "--batch"}), requests_.read.get(), answers_.write.get()}) {
  requests_.read.close();
  answers_.write.close();
}

void BlobReader::fill() {
  if (consumed_ > 0) {
    buffer_.erase(0, consumed_);
    consumed_ = 0;
  }
  const auto size = buffer_.size();
  buffer_.resize(size + (1U << 16U));
  const auto count = read_some(answers_.read.get(), buffer_.data() + size, buffer_.size() - size);
  buffer_.resize(size + count);
  if (count == 0) {
    throw std::runtime_error{"git cat-file has ended"};
  }
}

std::string BlobReader::read_line() {
  std::size_t end{};
  while ((end = buffer_.find('\n', consumed_)) == std::string::npos) {
    fill();
  }
  std::string line = buffer_.substr(consumed_, end - consumed_);
  consumed_ = end + 1;
  return line;
}

std::string BlobReader::read_bytes(std::size_t count) {
  while (buffer_.size() - consumed_ < count) {
    fill();
  }
  std::string bytes = buffer_.substr(consumed_, count);
  consumed_ += count;
  return bytes;
}

std::optional<std::string> BlobReader::read(std::string_view object) {
  const std::string request = std::string{object} + "\n";
  write_all(requests_.write.get(), request.data(), request.size());
  const auto head = read_line(); // <id> blob <size>, or <id> missing
  const auto space = head.rfind(' ');
  std::size_t size{};
  if (space == std::string::npos) {
    return std::nullopt;
  }
  const auto [end, error] = std::from_chars(head.data() + space + 1, head.data() + head.size(), size);
  if (error != std::errc{} || end != head.data() + head.size()) {
    return std::nullopt;
  }
  auto content = read_bytes(size);
  read_bytes(1); // the newline behind it
  if (head.find(" blob ") == std::string::npos) {
    return std::nullopt;
  }
  return content;
}

} // namespace turnwise::git_history
