#include "examples/git-history/flat_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "examples/git-history/child_process.hpp"
#include "examples/git-history/digest.hpp"

namespace turnwise::git_history {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view magic = "turnwise-file 1";
constexpr std::string_view temporary_prefix = "tmp-";

[[noreturn]] void fail(const fs::path& path) {
  throw std::system_error{errno, std::generic_category(), path.string()};
}

/// Held by one thread of one process at a time; given back when the process ends, however it ends.
class FileLock {
public:
  explicit FileLock(const fs::path& path) : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (!file_.open()) {
      fail(path);
    }
    while (flock(file_.get(), LOCK_EX) != 0) {
      if (errno != EINTR) {
        fail(path);
      }
    }
  }

private:
  FileDescriptor file_;
};

std::optional<std::string> read_file(const fs::path& path) {
  const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file.open()) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    fail(path);
  }
  std::string text(fs::file_size(path), '\0');
  std::size_t size{};
  while (size < text.size()) {
    const auto count = read_some(file.get(), text.data() + size, text.size() - size);
    if (count == 0) {
      break;
    }
    size += count;
  }
  text.resize(size);
  return text;
}

void replace_file(const fs::path& path, std::string_view text) {
  const auto temporary = path.parent_path() / (std::string{temporary_prefix} + std::to_string(::getpid()));
  {
    const FileDescriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (!file.open()) {
      fail(temporary);
    }
    write_all(file.get(), text.data(), text.size());
  }
  fs::rename(temporary, path);
}

std::string_view next_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) {
    throw std::runtime_error{"a file of the store is damaged: its head ends early"};
  }
  const auto line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

std::uint64_t number_in(std::string_view text) {
  std::uint64_t number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw std::runtime_error{"a file of the store is damaged: no number in its head"};
  }
  return number;
}

std::string describe(const Version& version) {
  return version.absent() ? "nothing" : version.mode + " " + version.object;
}

} // namespace

std::string encode_stored(const Stored& stored) {
  std::string text{magic};
  (text += '\n') += std::to_string(stored.token);
  (text += '\n') += std::to_string(stored.number);
  (text += '\n') += stored.version.mode;
  (text += '\n') += stored.version.object;
  (text += '\n') += base64(stored.path);
  return (text += '\n') += stored.content;
}

Stored decode_stored(std::string_view text) {
  if (next_line(text) != magic) {
    throw std::runtime_error{"a file of the store is damaged: it does not begin with '" + std::string{magic} + "'"};
  }
  Stored stored;
  stored.token = number_in(next_line(text));
  stored.number = number_in(next_line(text));
  stored.version.mode = next_line(text);
  stored.version.object = next_line(text);
  auto path = from_base64(next_line(text));
  if (!path) {
    throw std::runtime_error{"a file of the store is damaged: no path in its head"};
  }
  stored.path = std::move(*path);
  stored.content = text;
  return stored;
}

Application judge(const Stored& stored, const Change& change, std::uint64_t token) {
  if (stored.number == change.number) {
    if (stored.version == change.after) {
      return {Verdict::repeated, {}};
    }
    return {Verdict::refused, "change " + std::to_string(change.number) + " was applied before, with another outcome"};
  }
  if (token <= stored.token) {
    return {Verdict::superseded, "token " + std::to_string(token) + " is not above " + std::to_string(stored.token)};
  }
  // Contents alone would not show that a change came too late: a file may get the same content twice.
  if (stored.number > change.number) {
    return {Verdict::refused, "out of order: change " + std::to_string(stored.number) + " was applied before change " +
                                  std::to_string(change.number)};
  }
  if (stored.version != change.before) {
    return {Verdict::refused,
            "holds " + describe(stored.version) + " where " + describe(change.before) + " was to be replaced"};
  }
  if (stored.version.has_content() && blob_id(stored.content, stored.version.object) != stored.version.object) {
    return {Verdict::refused, "holds other bytes than it was given"};
  }
  return {Verdict::applied, {}};
}

FlatStore::FlatStore(fs::path folder) : folder_(std::move(folder)) {
  static constexpr std::string_view digits = "0123456789abcdef";
  for (const char high : digits) {
    for (const char low : digits) {
      fs::create_directories(folder_ / std::string{high, low});
    }
  }
}

fs::path FlatStore::file_of(std::string_view path) const {
  const auto hash = sha256_hex(path);
  return folder_ / hash.substr(0, 2) / hash.substr(2);
}

Application FlatStore::apply(const Change& change, std::uint64_t token, std::string_view content) {
  const auto file = file_of(change.path);
  const FileLock lock{file.parent_path() / "lock"}; // 256 locks for all paths: workers seldom meet
  const auto text = read_file(file);
  const auto stored = text ? decode_stored(*text) : Stored{};
  if (text && stored.path != change.path) {
    return {Verdict::refused, "holds another path: " + quoted_path(stored.path)};
  }
  auto application = judge(stored, change, token);
  if (application.verdict == Verdict::applied) {
    replace_file(file, encode_stored({token, change.number, change.after, change.path, std::string{content}}));
  }
  return application;
}

void FlatStore::visit(const std::function<void(const Stored&)>& visit) const {
  for (const auto& entry : fs::recursive_directory_iterator{folder_}) {
    const auto name = entry.path().filename().string();
    if (!entry.is_regular_file() || name == "lock" || name.starts_with(temporary_prefix)) {
      continue;
    }
    if (const auto text = read_file(entry.path())) {
      visit(decode_stored(*text));
    }
  }
}

} // namespace turnwise::git_history
