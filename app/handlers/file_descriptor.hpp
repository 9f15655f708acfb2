// One open file descriptor with one owner.
#pragma once

#include <unistd.h>

#include <utility>

namespace turnwise::handlers {

/// Closes what it owns. Movable, not copyable; -1 stands for nothing.
class FileDescriptor {
public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      close();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { close(); }

  [[nodiscard]] int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

  /// Gives the number up without closing it.
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

  void close() {
    if (number_ >= 0) {
      ::close(std::exchange(number_, -1));
    }
  }

private:
  int number_{-1};
};

} // namespace turnwise::handlers
