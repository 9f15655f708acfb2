// A process that this one starts, watches and ends. It is killed when its owner goes away, also when the owner is killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace turnwise::git_history {

/// An open file descriptor, closed at the end.
class FileDescriptor {
public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor() { close(); }
  void close();
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] bool open() const { return number_ >= 0; }

private:
  int number_{-1};
};

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
  /// Throws std::system_error. Neither end is inherited by children that it is not given to.
  static Pipe make();
};

/// Appends to a file that is made where needed. Throws std::system_error.
FileDescriptor open_log(const std::string& path);

struct Command {
  std::vector<std::string> arguments; ///< the program first; looked up in PATH
  int input{-1};                      ///< what becomes standard input; -1: /dev/null
  int output{-1};                     ///< what becomes standard output; -1: this process's own
  int errors{-1};                     ///< what becomes standard error; -1: this process's own
  int death_signal{9};                ///< sent to it when the thread that started it ends
};

class ChildProcess {
public:
  ChildProcess() = default;
  /// Throws std::system_error when there can be no further process. A program that does not exist ends with status 127.
  explicit ChildProcess(const Command& command);
  ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  /// Kills it if it still runs.
  ~ChildProcess() { kill_now(); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Whether it has not ended yet.
  bool running();
  void signal(int number);
  /// Waits for its end. False when it has not come in time.
  bool wait_for(std::chrono::milliseconds timeout);
  /// SIGKILL, and waits for the end.
  void kill_now();
  /// Exit status, or 128 + the signal that ended it; only after it has ended.
  [[nodiscard]] int status() const { return status_; }

private:
  bool reap(int options);
  pid_t pid_{-1};
  int status_{};
};

/// Reads all there is, up to `size` bytes; 0 at the end. Throws std::system_error.
std::size_t read_some(int descriptor, char* data, std::size_t size);
/// Writes everything. Throws std::system_error, also when nobody reads any more (SIGPIPE must be ignored).
void write_all(int descriptor, const char* data, std::size_t size);

} // namespace turnwise::git_history
