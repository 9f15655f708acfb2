#include "app/dev/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "app/handlers/pipe.hpp"

namespace turnwise::dev {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t output_bytes_max = 64 * 1024;

model::Error failure(const std::string& program, std::string_view why) {
  return {model::Errc::internal, fmt::format("{}: {}", program, why), ""};
}

struct Actions {
  posix_spawn_file_actions_t value{};
  Actions() { posix_spawn_file_actions_init(&value); }
  ~Actions() { posix_spawn_file_actions_destroy(&value); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
};

/// Reads to the end of the stream or to the deadline. @returns whether the end came
bool read_output(int end, std::string& output, steady_clock::time_point deadline) {
  std::array<char, 4096> buffer{};
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()).count();
    pollfd wait{end, POLLIN, 0};
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) == 0) {
      return false;
    }
    const auto count = ::read(end, buffer.data(), buffer.size());
    if (count == 0 || (count < 0 && errno != EINTR)) {
      return true;
    }
    if (count > 0 && output.size() < output_bytes_max) {
      output.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
}

} // namespace

model::Result<Finished> run_program(const std::vector<std::string>& argv, const std::string& directory, milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  std::vector<char*> words;
  for (const auto& word : argv) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);

  auto pipe = handlers::open_pipe();
  if (!pipe) {
    return failure(argv.front(), std::strerror(errno));
  }
  Actions actions;
  posix_spawn_file_actions_addchdir_np(&actions.value, directory.c_str());
  posix_spawn_file_actions_addopen(&actions.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions.value, pipe->write_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions.value, pipe->write_end.get(), STDERR_FILENO);
  pid_t child = 0;
  if (const int code = posix_spawnp(&child, words.front(), &actions.value, nullptr, words.data(), environ); code != 0) {
    return failure(argv.front(), std::strerror(code));
  }
  pipe->write_end.close();

  Finished finished;
  const bool ended = read_output(pipe->read_end.get(), finished.output, deadline);
  if (!ended) {
    ::kill(child, SIGKILL);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) {
    return failure(argv.front(), fmt::format("took longer than {} ms", timeout.count()));
  }
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

} // namespace turnwise::dev
