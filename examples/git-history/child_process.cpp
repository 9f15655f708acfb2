#include "examples/git-history/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace turnwise::git_history {

namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error{errno, std::generic_category(), what};
}

// Between fork and exec only calls that are safe in a process with other threads.
[[noreturn]] void become(char* const* arguments, const Command& command, pid_t parent, int null) {
  prctl(PR_SET_PDEATHSIG, command.death_signal);
  if (getppid() != parent) {
    _exit(126); // the parent ended before it could be watched
  }
  signal(SIGPIPE, SIG_DFL);
  dup2(command.input >= 0 ? command.input : null, STDIN_FILENO);
  if (command.output >= 0) {
    dup2(command.output, STDOUT_FILENO);
  }
  if (command.errors >= 0) {
    dup2(command.errors, STDERR_FILENO);
  }
  execvp(arguments[0], arguments);
  _exit(127);
}

} // namespace

void FileDescriptor::close() {
  if (number_ >= 0) {
    ::close(std::exchange(number_, -1));
  }
}

Pipe Pipe::make() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    fail("pipe");
  }
  return {FileDescriptor{ends[0]}, FileDescriptor{ends[1]}};
}

FileDescriptor open_log(const std::string& path) {
  FileDescriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)};
  if (!file.open()) {
    fail(path.c_str());
  }
  return file;
}

ChildProcess::ChildProcess(const Command& command) {
  std::vector<char*> arguments;
  for (const auto& argument : command.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str())); // execvp does not write to them
  }
  arguments.push_back(nullptr);
  const FileDescriptor null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    become(arguments.data(), command, parent, null.get());
  }
  if (pid_ < 0) {
    fail("fork");
  }
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    kill_now();
    pid_ = std::exchange(other.pid_, -1);
    status_ = other.status_;
  }
  return *this;
}

bool ChildProcess::reap(int options) {
  if (pid_ <= 0) {
    return true;
  }
  int status{};
  const pid_t ended = waitpid(pid_, &status, options);
  if (ended == 0 || (ended < 0 && errno == EINTR)) {
    return false;
  }
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  pid_ = -1;
  return true;
}

bool ChildProcess::running() {
  return !reap(WNOHANG);
}

void ChildProcess::signal(int number) {
  if (running()) {
    ::kill(pid_, number);
  }
}

bool ChildProcess::wait_for(std::chrono::milliseconds timeout) {
  if (!running()) {
    return true;
  }
  const FileDescriptor handle{static_cast<int>(syscall(SYS_pidfd_open, pid_, 0))};
  const auto until = std::chrono::steady_clock::now() + timeout;
  pollfd watched{handle.get(), POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return !running();
    }
    poll(&watched, 1, static_cast<int>(left.count()));
    if (!running()) {
      return true;
    }
  }
}

void ChildProcess::kill_now() {
  signal(SIGKILL);
  while (!reap(0)) {
  }
}

std::size_t read_some(int descriptor, char* data, std::size_t size) {
  for (;;) {
    const auto count = ::read(descriptor, data, size);
    if (count >= 0) {
      return static_cast<std::size_t>(count);
    }
    if (errno != EINTR) {
      fail("read");
    }
  }
}

void write_all(int descriptor, const char* data, std::size_t size) {
  while (size > 0) {
    const auto count = ::write(descriptor, data, size);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      fail("write");
    }
    data += count;
    size -= static_cast<std::size_t>(count);
  }
}

} // namespace turnwise::git_history
