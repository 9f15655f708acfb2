// Finds PostgreSQL's programs, starts the guardian and gives it orders.
#include "tests/support/private_postgres.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <pwd.h>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "tests/support/guardian.hpp"

extern char** environ;

namespace turnwise::tests {
namespace {

namespace fs = std::filesystem;

constexpr int answer_ms_max = 90'000;

/// PostgreSQL refuses to run as root; then its own user runs it.
constexpr auto server_user = "postgres";

bool is_root() {
  return geteuid() == 0;
}

/// Where PostgreSQL's programs are: the newest version that Debian's layout has, else where the PATH finds them.
fs::path find_programs() {
  int newest = 0;
  std::error_code ignored;
  for (const auto& version : fs::directory_iterator{"/usr/lib/postgresql", ignored}) {
    if (fs::exists(version.path() / "bin/initdb")) {
      newest = std::max(newest, std::atoi(version.path().filename().c_str()));
    }
  }
  if (newest != 0) {
    return fs::path{"/usr/lib/postgresql"} / std::to_string(newest) / "bin";
  }
  std::istringstream path{std::getenv("PATH") == nullptr ? "" : std::getenv("PATH")};
  for (std::string folder; std::getline(path, folder, ':');) {
    if (fs::exists(fs::path{folder} / "initdb")) {
      return folder;
    }
  }
  throw std::runtime_error{"PostgreSQL's programs (initdb, pg_ctl) are not installed"};
}

void give_to_server(const fs::path& folder) {
  if (!is_root()) {
    return;
  }
  const auto* user = getpwnam(server_user);
  if (user == nullptr || chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0) {
    throw std::runtime_error{"cannot give " + folder.string() + " to the user " + server_user};
  }
}

/// A new folder that only the server's user may enter. Its path is short: that of a socket has at most 107 bytes.
fs::path make_folder() {
  std::string path = "/tmp/turnwise-test-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    throw std::runtime_error{"cannot make a folder in /tmp"};
  }
  give_to_server(path);
  return path;
}

/// Where the initialized data folder is kept for the next time. Only its owner may write there, and nobody else may have
/// put it there.
fs::path template_folder(const fs::path& programs) {
  const auto version = programs.parent_path().filename().string();
  const fs::path parent{"/tmp/turnwise-test-template-" + std::to_string(geteuid())};
  if (mkdir(parent.c_str(), 0700) == 0) {
    give_to_server(parent);
  }
  struct stat facts {};
  const auto* user = is_root() ? getpwnam(server_user) : getpwuid(geteuid());
  if (user == nullptr || lstat(parent.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode) || facts.st_uid != user->pw_uid ||
      (facts.st_mode & 0077U) != 0) {
    throw std::runtime_error{parent.string() + " is not a folder of our own: remove it"};
  }
  return parent / version;
}

std::string read_file(const fs::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

struct Pipe {
  Pipe() {
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw std::runtime_error{"cannot make a pipe"};
    }
  }
  std::array<int, 2> ends{-1, -1}; // read, write
};

} // namespace

/// The guardian as the program sees it. Ends it, and with it the server, at the end.
struct PrivatePostgres::Guardian {
  Guardian(const fs::path& programs, const fs::path& folder, const fs::path& original, const fs::path& wal)
      : log(folder / "guardian.log") {
    std::vector<std::string> words;
    if (is_root()) {
      words = {"setpriv", "--reuid", server_user, "--regid", server_user, "--init-groups", "--"};
    }
    for (const auto& word : {std::string{"sh"}, std::string{"-c"}, std::string{guardian_script}, std::string{"guardian"},
                             programs.string(), folder.string(), original.string(), wal.string()}) {
      words.push_back(word);
    }
    std::vector<char*> arguments;
    for (auto& word : words) {
      arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);

    const Pipe to_guardian;
    const Pipe from_guardian;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, "/"); // the server's user may not be allowed where we are
    posix_spawn_file_actions_adddup2(&actions, to_guardian.ends[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from_guardian.ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    const auto failed = posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(to_guardian.ends[0]);
    close(from_guardian.ends[1]);
    orders = to_guardian.ends[1];
    answers = from_guardian.ends[0];
    if (failed != 0) {
      throw std::runtime_error{"cannot start the guardian of PostgreSQL"};
    }
  }
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;
  ~Guardian() {
    close(orders);
    waitpid(pid, nullptr, 0);
    close(answers);
  }

  void order(const std::string& what) const {
    const auto line = what + "\n";
    pollfd answer{.fd = answers, .events = POLLIN, .revents = 0};
    std::array<char, 16> text{};
    if (write(orders, line.data(), line.size()) != static_cast<ssize_t>(line.size()) || poll(&answer, 1, answer_ms_max) != 1 ||
        read(answers, text.data(), text.size() - 1) <= 0 || std::string_view{text.data()} != "done\n") {
      throw std::runtime_error{"PostgreSQL: cannot " + what + "\n" + read_file(log) + read_file(log.parent_path() / "log")};
    }
  }

  fs::path log;
  pid_t pid{-1};
  int orders{-1};
  int answers{-1};
};

PrivatePostgres::PrivatePostgres(const fs::path& wal_folder) : folder_(make_folder()) {
  const auto programs = find_programs();
  guardian_ = std::make_unique<Guardian>(programs, folder_, template_folder(programs), wal_folder);
  guardian_->order("initialize");
  guardian_->order("start");
}

PrivatePostgres::~PrivatePostgres() = default;

std::string PrivatePostgres::connection(const std::string& database) const {
  return "host=" + folder_.string() + " user=turnwise dbname=" + database;
}

void PrivatePostgres::stop_immediately() {
  guardian_->order("stop");
}

void PrivatePostgres::start() {
  guardian_->order("start");
}

void PrivatePostgres::freeze() {
  guardian_->order("freeze");
}

void PrivatePostgres::thaw() {
  guardian_->order("thaw");
}

} // namespace turnwise::tests
