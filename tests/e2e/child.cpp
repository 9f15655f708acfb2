#include "tests/e2e/child.hpp"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace turnwise::tests {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (auto& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

} // namespace

Child::Child(const std::string& program, const std::vector<std::string>& arguments, const Environment& environment) {
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> settings;
  for (const auto& [name, value] : environment) {
    settings.push_back(name + "=" + value);
  }
  for (char** setting = environ; *setting != nullptr; ++setting) {
    settings.emplace_back(*setting);
  }
  const auto argv = pointers_to(words);
  const auto envp = pointers_to(settings);
  if (const int failure = ::posix_spawnp(&pid_, program.c_str(), nullptr, nullptr, argv.data(), envp.data()); failure != 0) {
    throw std::runtime_error(program + ": " + std::strerror(failure));
  }
  handle_ = handlers::FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
}

Child::~Child() {
  signal(SIGKILL);
  if (!status_) {
    ::waitpid(pid_, nullptr, 0);
  }
}

void Child::signal(int number) const {
  if (!status_) {
    ::kill(pid_, number);
  }
}

std::optional<int> Child::wait_for_end(std::chrono::milliseconds wait) {
  pollfd end{handle_.get(), POLLIN, 0};
  if (!status_ && ::poll(&end, 1, static_cast<int>(wait.count())) == 1) {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return status_;
}

} // namespace turnwise::tests
