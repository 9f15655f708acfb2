// What the tests of handlers share: a folder of their own, events from the commands they start, and an eye on processes.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "app/handlers/file_descriptor.hpp"
#include "app/handlers/spawner.hpp"
#include "tests/support/temporary_folder.hpp"

namespace turnwise::handlers::testing {

/// How long a test waits for what must happen: much longer than it takes, since machines can be slow.
inline constexpr std::chrono::milliseconds patience{20'000};

using tests::TemporaryFolder;

/// A named pipe on which commands tell the test where they are.
class Mouthpiece {
public:
  Mouthpiece() : path_(folder_.file("say")) {
    REQUIRE(mkfifo(path_.c_str(), 0600) == 0);
    end_ = FileDescriptor(open(path_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)); // for writing too: so it never ends
  }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// The next line that a command said.
  std::string line() {
    while (said_.find('\n') == std::string::npos) {
      pollfd source{end_.get(), POLLIN, 0};
      if (poll(&source, 1, static_cast<int>(patience.count())) <= 0) {
        throw std::runtime_error("no command said anything");
      }
      std::array<char, 4'096> chunk{};
      const auto size = read(end_.get(), chunk.data(), chunk.size());
      said_.append(chunk.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
    const auto end = said_.find('\n');
    auto line = said_.substr(0, end);
    said_.erase(0, end + 1);
    return line;
  }

  /// Says a line to a command that listens.
  void tell(const std::string& words) const {
    const auto line = words + "\n";
    REQUIRE(write(end_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  }

  /// The next line as process numbers.
  std::vector<pid_t> pids() {
    std::istringstream words(line());
    std::vector<pid_t> numbers;
    for (pid_t number = 0; words >> number;) {
      numbers.push_back(number);
    }
    return numbers;
  }

private:
  TemporaryFolder folder_;
  std::string path_;
  FileDescriptor end_;
  std::string said_;
};

/// A process that need not be a child: it stays this one process, whoever gets its number later.
class ProcessWatch {
public:
  explicit ProcessWatch(pid_t process) : handle_(static_cast<int>(syscall(SYS_pidfd_open, process, 0))) {}
  /// False when it had gone before anybody looked.
  [[nodiscard]] bool found() const { return static_cast<bool>(handle_); }
  [[nodiscard]] bool ends_within(std::chrono::milliseconds wait) const {
    pollfd source{handle_.get(), POLLIN, 0};
    return !handle_ || poll(&source, 1, static_cast<int>(wait.count())) == 1;
  }
  [[nodiscard]] bool runs() const { return !ends_within(std::chrono::milliseconds{0}); }

private:
  FileDescriptor handle_;
};

inline std::vector<ProcessWatch> watch(const std::vector<pid_t>& processes) {
  std::vector<ProcessWatch> watches;
  for (const auto process : processes) {
    watches.emplace_back(process);
    REQUIRE(watches.back().found());
  }
  return watches;
}

inline void require_all_end(const std::vector<ProcessWatch>& watches, std::chrono::milliseconds wait = patience) {
  for (const auto& process : watches) {
    REQUIRE(process.ends_within(wait));
  }
}

inline CommandSpec shell(const std::string& script, std::string input = {}) {
  return {.argv = {"/bin/sh", "-c", script}, .environment = {"PATH=/usr/local/bin:/usr/bin:/bin"}, .input = std::move(input)};
}

/// A command on its way.
struct Started {
  CommandId id;
  std::future<CommandEnd> end;

  CommandEnd wait() {
    if (end.wait_for(patience) != std::future_status::ready) {
      throw std::runtime_error("the command did not end");
    }
    return end.get();
  }
};

inline Started start(Spawner& spawner, const CommandSpec& spec) {
  auto promise = std::make_shared<std::promise<CommandEnd>>();
  auto future = promise->get_future();
  const auto id = spawner.start(spec, [promise](CommandEnd end) { promise->set_value(std::move(end)); });
  REQUIRE(id.ok());
  return {*id, std::move(future)};
}

inline CommandEnd run(Spawner& spawner, const CommandSpec& spec) {
  return start(spawner, spec).wait();
}

inline std::unique_ptr<Spawner> fork_spawner() {
  auto spawner = Spawner::fork();
  REQUIRE(spawner.ok());
  return std::move(spawner).value();
}

/// How many files a process has open.
inline std::size_t open_files(pid_t process) {
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(process) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

/// The children of a process, zombies included.
inline std::string children_of(pid_t process) {
  const auto number = std::to_string(process);
  std::ifstream file("/proc/" + number + "/task/" + number + "/children");
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

} // namespace turnwise::handlers::testing
