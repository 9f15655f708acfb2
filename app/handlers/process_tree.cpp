#include "app/handlers/process_tree.hpp"

#include <csignal>
#include <ctime>
#include <fstream>
#include <string>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace turnwise::handlers {

namespace {

using std::chrono::milliseconds;

sigset_t child_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  return set;
}

/// Returns when a child has ended, at the latest after `patience`.
void await_child(milliseconds patience) {
  const auto set = child_signal();
  const timespec wait{.tv_sec = patience.count() / 1'000, .tv_nsec = patience.count() % 1'000 * 1'000'000};
  sigtimedwait(&set, nullptr, &wait);
}

/// Reaps whatever has ended. @returns whether there are children left.
bool reap_children() {
  pid_t reaped = 0;
  do {
    reaped = waitpid(-1, nullptr, WNOHANG);
  } while (reaped > 0);
  return reaped == 0;
}

} // namespace

void become_subreaper(const char* name) {
  prctl(PR_SET_NAME, name, 0, 0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const auto set = child_signal();
  sigprocmask(SIG_BLOCK, &set, nullptr);
}

std::vector<pid_t> children_of_this_process() {
  const auto self = std::to_string(getpid());
  std::ifstream file("/proc/self/task/" + self + "/children");
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) {
    children.push_back(child);
  }
  return children;
}

bool kill_descendants(milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (reap_children()) {
    if (std::chrono::steady_clock::now() >= end) {
      return false;
    }
    for (const auto child : children_of_this_process()) {
      kill(child, SIGKILL);
    }
    await_child(milliseconds(20));
  }
  return true;
}

} // namespace turnwise::handlers
