#include "examples/ci-artifacts/world.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include <openssl/evp.h>

namespace turnwise::ci_artifacts {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t piece = 1U << 16U;

[[noreturn]] void fail(const fs::path& path) {
  throw std::runtime_error{path.string() + ": " + std::generic_category().message(errno)};
}

class File {
public:
  File(const fs::path& path, int flags) : path_(path), number_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (number_ < 0) {
      fail(path);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::close(number_); }

  std::size_t read(char* data, std::size_t size) const {
    const auto count = ::read(number_, data, size);
    if (count < 0) {
      fail(path_);
    }
    return static_cast<std::size_t>(count);
  }
  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto count = ::write(number_, bytes.data(), bytes.size());
      if (count < 0) {
        fail(path_);
      }
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  void flush() const {
    if (fdatasync(number_) != 0) {
      fail(path_);
    }
  }

private:
  fs::path path_;
  int number_;
};

class Sha256 {
public:
  Sha256() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size{};
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    std::string text;
    static constexpr std::string_view digits = "0123456789abcdef";
    for (unsigned i = 0; i < size; ++i) {
      (text += digits[digest.at(i) >> 4U]) += digits[digest.at(i) & 15U];
    }
    return text;
  }

private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_{EVP_MD_CTX_new()};
};

} // namespace

World::World(fs::path folder) : folder_(std::move(folder)) {
  for (const auto* name : {"file-store", "object-store", "live-logs", "legacy-logs", "records"}) {
    fs::create_directories(folder_ / name);
  }
}

fs::path World::record_path(std::string_view subject) const {
  return folder_ / "records" / subject;
}

bool World::has(std::string_view subject) const {
  return fs::exists(record_path(subject));
}

Record World::read(std::string_view subject) const {
  std::istringstream text{read_file(record_path(subject))};
  Record record;
  for (std::string line; std::getline(text, line);) {
    if (const auto equals = line.find('='); equals != std::string::npos) {
      record[line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  return record;
}

void World::write(std::string_view subject, const Record& record) const {
  static std::atomic<std::uint64_t> count{};
  const auto path = record_path(subject);
  const auto temporary = fs::path{path} += ".new-" + std::to_string(++count);
  std::string text;
  for (const auto& [name, value] : record) {
    text += name + "=" + value + "\n";
  }
  write_file(temporary, text);
  fs::rename(temporary, path);
}

std::string read_file(const fs::path& path) {
  const File file{path, O_RDONLY};
  std::string content;
  for (;;) {
    const auto size = content.size();
    content.resize(size + piece);
    const auto count = file.read(content.data() + size, piece);
    content.resize(size + count);
    if (count == 0) {
      return content;
    }
  }
}

std::string checksum(const fs::path& path) {
  const File file{path, O_RDONLY};
  std::string buffer(piece, '\0');
  Sha256 sum;
  while (const auto count = file.read(buffer.data(), buffer.size())) {
    sum.add({buffer.data(), count});
  }
  return sum.hex();
}

std::string checksum_of(std::string_view content) {
  Sha256 sum;
  sum.add(content);
  return sum.hex();
}

void write_file(const fs::path& path, std::string_view content) {
  File{path, O_WRONLY | O_CREAT | O_TRUNC}.write(content);
}

void upload(const fs::path& from, const fs::path& to) {
  const File source{from, O_RDONLY};
  const File target{to, O_WRONLY | O_CREAT | O_TRUNC};
  std::string buffer(piece, '\0');
  while (const auto count = source.read(buffer.data(), buffer.size())) {
    target.write({buffer.data(), count});
  }
  target.flush();
}

} // namespace turnwise::ci_artifacts
