#include "app/dev/private_postgres.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/dev/process.hpp"
#include "app/logging/logging.hpp"
#include "model/subject.hpp"

namespace turnwise::dev {
namespace {

namespace fs = std::filesystem;
using model::Done;
using model::Errc;
using model::Error;
using model::Result;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view user = "turnwise";
constexpr std::string_view database = "turnwise";
constexpr std::string_view lock_name = "lock"; ///< also the sign that a folder was made here
constexpr std::string_view socket_name = "/.s.PGSQL.5432";
constexpr std::size_t socket_path_bytes_max = 107;
constexpr const char* server_user = "postgres"; // who runs the server when the caller is root

bool is_root() {
  return geteuid() == 0;
}

/// What stands before a command that the user who runs the server is to run.
std::vector<std::string> as_server_user() {
  return {"setpriv", fmt::format("--reuid={}", server_user), fmt::format("--regid={}", server_user), "--init-groups", "--"};
}

Error fault(std::string detail) {
  return {Errc::internal, std::move(detail), ""};
}

/// Gives a folder to the user who runs the server.
Result<Done> give_away(const fs::path& path) {
  if (!is_root()) {
    return Done{};
  }
  const passwd* owner = getpwnam(server_user);
  if (owner == nullptr) {
    return fault(
        fmt::format("PostgreSQL does not run as root, and there is no user {}: install Debian's package postgresql, or run "
                    "this as another user",
                    server_user));
  }
  if (chown(path.c_str(), owner->pw_uid, owner->pw_gid) != 0) {
    return fault(fmt::format("cannot give {} to {}", path.string(), server_user));
  }
  return Done{};
}

/// Without a slash at its end, which would count as a name.
fs::path named(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

/// Whether a folder belongs to the user who runs the server. Links do not count: they may lead anywhere.
bool is_own(const fs::path& path) {
  struct stat found {};
  const passwd* owner = is_root() ? getpwnam(server_user) : nullptr;
  const uid_t expected = owner != nullptr ? owner->pw_uid : geteuid();
  return lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == expected;
}

/// Makes a folder that is closed to others, or takes one that an earlier call made. Whatever else is there is left alone.
Result<Done> make_folder(const fs::path& path) {
  std::error_code failure;
  fs::create_directories(path.parent_path(), failure);
  if (::mkdir(path.c_str(), 0700) == 0) {
    return give_away(path);
  }
  if (errno != EEXIST) {
    return fault(fmt::format("cannot make the folder {}: {}", path.string(), std::strerror(errno)));
  }
  return is_own(path) ? Result<Done>{Done{}}
                      : fault(fmt::format("{} is there already, and belongs to somebody else", path.string()));
}

/// A word of a libpq connection string or of postgresql.conf: both escape alike within single quotes here.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out += "'";
}

/// The newest of /usr/lib/postgresql/*/bin.
fs::path newest_packaged_binaries() {
  fs::path newest;
  int newest_version = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    const auto name = entry.path().filename().string();
    int version = 0;
    std::from_chars(name.data(), name.data() + name.size(), version);
    if (version > newest_version && fs::exists(entry.path() / "bin" / "initdb")) {
      newest_version = version;
      newest = entry.path() / "bin";
    }
  }
  return newest;
}

fs::path binaries_in_path() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    const fs::path folder{rest.substr(0, end)};
    if (fs::exists(folder / "initdb")) {
      return folder;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

} // namespace

Result<std::unique_ptr<PrivatePostgres>> PrivatePostgres::start(const fs::path& folder) {
  std::unique_ptr<PrivatePostgres> postgres{new PrivatePostgres(named(fs::absolute(folder).lexically_normal()))};
  using Step = Result<Done> (PrivatePostgres::*)();
  constexpr Step steps[] = {&PrivatePostgres::lock_folder,  &PrivatePostgres::choose_place, &PrivatePostgres::find_binaries,
                            &PrivatePostgres::make_cluster, &PrivatePostgres::place_socket, &PrivatePostgres::start_server,
                            &PrivatePostgres::make_database};
  for (const Step step : steps) {
    if (auto done = (*postgres.*step)(); !done) {
      if (!postgres->adopted_) {
        postgres->stop(); // nobody else knows that it runs
      }
      return done.error();
    }
  }
  return postgres;
}

void PrivatePostgres::move_to(fs::path folder) {
  folder_ = std::move(folder);
  cluster_ = folder_ / "postgres";
}

PrivatePostgres::~PrivatePostgres() {
  if (lock_ >= 0) {
    ::close(lock_);
  }
}

Result<Done> PrivatePostgres::lock_folder() {
  const bool made_by_dev = fs::exists(folder_ / lock_name) && is_own(folder_);
  if (fs::exists(folder_) && !made_by_dev) { // somebody's: what is in it, and who may enter it, stays as it is
    move_to(folder_ / "turnwise");
  }
  if (auto made = make_folder(folder_); !made) {
    return made;
  }
  const auto path = folder_ / lock_name;
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0 || flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return Error{Errc::wrong_state,
                 fmt::format("{} is used by another `turnwise dev`: stop that one, or choose another folder with --data",
                             folder_.string()),
                 ""};
  }
  return Done{};
}

Result<Done> PrivatePostgres::choose_place() {
  if (!is_root()) {
    return Done{};
  }
  auto argv = as_server_user();
  argv.insert(argv.end(), {"test", "-w", folder_.string()});
  const auto reached = run_program(argv, "/", seconds{10});
  if (reached && reached->status == 0) {
    return Done{};
  }
  const fs::path elsewhere = "/var/lib/turnwise";
  std::error_code failure;
  fs::create_directories(elsewhere, failure);
  move_to(elsewhere / fmt::format("dev-{:016x}", model::fingerprint_of(folder_.string())));
  spdlog::info("postgres-elsewhere folder={} reason=\"user {} cannot reach the folder that was asked for\"",
               logging::quoted(folder_.string()), server_user);
  return make_folder(folder_);
}

Result<Done> PrivatePostgres::find_binaries() {
  binaries_ = newest_packaged_binaries();
  if (binaries_.empty()) {
    binaries_ = binaries_in_path();
  }
  if (binaries_.empty()) {
    return fault(
        "PostgreSQL is not installed: there is no initdb in /usr/lib/postgresql/*/bin nor in PATH; on Debian: apt-get install "
        "postgresql");
  }
  return Done{};
}

Result<std::string> PrivatePostgres::postgres_program(std::vector<std::string> argv) const {
  const std::string name = argv.front();
  argv.front() = (binaries_ / name).string();
  if (is_root()) {
    const auto as_owner = as_server_user();
    argv.insert(argv.begin(), as_owner.begin(), as_owner.end());
  }
  auto finished = run_program(argv, folder_.string(), minutes{2});
  if (!finished) {
    return finished.error();
  }
  if (finished->status != 0) {
    return fault(fmt::format("{} failed with status {}: {}", name, finished->status, finished->output));
  }
  return std::move(finished->output);
}

Result<Done> PrivatePostgres::make_cluster() {
  if (fs::exists(cluster_ / "PG_VERSION")) {
    return Done{};
  }
  // Made beside its place and moved there when it is complete, so that a kill leaves no half of one.
  const auto draft = folder_ / "postgres.new";
  std::error_code failure;
  fs::remove_all(draft, failure);
  spdlog::info("postgres-creating folder={}", logging::quoted(cluster_.string()));
  const auto made =
      postgres_program({"initdb", "--pgdata", draft.string(), "--username", std::string{user}, "--auth-local=trust",
                        "--auth-host=reject", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions"});
  if (!made) {
    return made.error();
  }
  std::ofstream(draft / "postgresql.conf", std::ios::app) << "\ninclude 'turnwise.conf'\n";
  std::ofstream(draft / "turnwise.conf") << "";
  if (auto given = give_away(draft / "turnwise.conf"); !given) {
    return given;
  }
  fs::rename(draft, cluster_, failure);
  return failure ? Result<Done>{fault(fmt::format("cannot name {}: {}", cluster_.string(), failure.message()))} : Done{};
}

Result<Done> PrivatePostgres::place_socket() {
  socket_folder_ = folder_;
  if (folder_.string().size() + socket_name.size() > socket_path_bytes_max) {
    const auto name = fmt::format("turnwise-{}-{:016x}", geteuid(), model::fingerprint_of(folder_.string()));
    socket_folder_ = fs::temp_directory_path() / name;
    if (auto made = make_folder(socket_folder_); !made) {
      return made;
    }
  }
  connection_ = fmt::format("host={} user={} dbname={}", in_quotes(socket_folder_.string()), user, database);
  return Done{};
}

Result<Done> PrivatePostgres::write_settings() const {
  std::ofstream out(cluster_ / "turnwise.conf", std::ios::trunc);
  out << "# Written by `turnwise dev` at every start.\n"
      << "listen_addresses = ''\n"
      << "unix_socket_directories = " << in_quotes(socket_folder_.string()) << '\n'
      << "unix_socket_permissions = 0700\n"
      << "port = 5432\n"
      << "fsync = on\nsynchronous_commit = on\nfull_page_writes = on\n"
      << "wal_level = minimal\nmax_wal_senders = 0\nmax_wal_size = '1GB'\n";
  out.close();
  return out ? Result<Done>{Done{}} : fault(fmt::format("cannot write {}", (cluster_ / "turnwise.conf").string()));
}

bool PrivatePostgres::is_running() const {
  return postgres_program({"pg_ctl", "status", "--pgdata", cluster_.string()}).ok();
}

Result<Done> PrivatePostgres::start_server() {
  adopted_ = is_running();
  if (adopted_) {
    spdlog::info("postgres-adopted folder={}", logging::quoted(cluster_.string()));
    started_ = true;
    return await_server();
  }
  if (auto written = write_settings(); !written) {
    return written;
  }
  const auto log = folder_ / "postgres.log";
  const auto begun = postgres_program(
      {"pg_ctl", "start", "--pgdata", cluster_.string(), "--log", log.string(), "--wait", "--timeout", "60", "--silent"});
  if (!begun) {
    return fault(fmt::format("PostgreSQL did not start; {} says why. {}", log.string(), begun.error().detail));
  }
  started_ = true;
  return Done{};
}

/// An adopted server may still be recovering from its own crash.
Result<Done> PrivatePostgres::await_server() const {
  constexpr seconds patience{60};
  constexpr std::chrono::milliseconds pause{100};
  for (const auto deadline = std::chrono::steady_clock::now() + patience; std::chrono::steady_clock::now() < deadline;) {
    if (postgres_program({"pg_isready", "--quiet", "--host", socket_folder_.string()})) {
      return Done{};
    }
    std::this_thread::sleep_for(pause);
  }
  return fault(fmt::format("the PostgreSQL in {} takes no connections; {} says why", cluster_.string(),
                           (folder_ / "postgres.log").string()));
}

Result<Done> PrivatePostgres::make_database() {
  const auto marker = folder_ / "database-made";
  if (fs::exists(marker)) {
    return Done{};
  }
  const auto made = postgres_program({"createdb", "--host", socket_folder_.string(), "--username", std::string{user},
                                      "--maintenance-db=postgres", std::string{database}});
  if (!made && made.error().detail.find("already exists") == std::string::npos) {
    return made.error();
  }
  std::ofstream{marker} << "";
  return Done{};
}

void PrivatePostgres::stop() {
  if (!std::exchange(started_, false)) {
    return;
  }
  const auto stopped = postgres_program(
      {"pg_ctl", "stop", "--pgdata", cluster_.string(), "--mode=fast", "--wait", "--timeout", "30", "--silent"});
  if (!stopped) {
    spdlog::error("postgres-not-stopped error={}", logging::quoted(stopped.error().detail));
  } else if (socket_folder_ != folder_) {
    std::error_code ignored;
    fs::remove(socket_folder_, ignored);
  }
}

} // namespace turnwise::dev
