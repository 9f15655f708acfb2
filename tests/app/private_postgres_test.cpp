// The private PostgreSQL of `turnwise dev`. These tests start a real one in a folder of their own.
#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "app/dev/private_postgres.hpp"
#include "app/dev/process.hpp"

using namespace turnwise;
namespace fs = std::filesystem;

namespace {

/// A folder that whoever runs PostgreSQL can reach, removed with the test.
class Folder {
public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "turnwise-dev-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    chmod(name.c_str(), 0755);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] fs::path path() const { return path_ / "data"; }

private:
  fs::path path_;
};

/// What psql prints for a statement.
std::string ask(const std::string& connection, const std::string& statement) {
  const auto ran = dev::run_program({"psql", connection, "-Atqc", statement}, "/", std::chrono::seconds{30});
  REQUIRE(ran.ok());
  return ran->output;
}

} // namespace

TEST_CASE("a private PostgreSQL is made, durable, adopted after its node was killed, and stopped", "[postgres]") {
  const Folder folder;
  std::string connection;
  {
    const auto first = dev::PrivatePostgres::start(folder.path());
    INFO((first ? "" : first.error().detail));
    REQUIRE(first.ok());
    CHECK_FALSE((*first)->adopted());
    connection = (*first)->connection();
    CHECK(ask(connection, "show fsync") == "on\n");
    ask(connection, "create table kept(x int)");
    CHECK(dev::PrivatePostgres::start(folder.path()).error().code == model::Errc::wrong_state);
  } // as a kill would: without stop()
  const auto second = dev::PrivatePostgres::start(folder.path());
  REQUIRE(second.ok());
  CHECK((*second)->adopted());
  CHECK(ask(connection, "select count(*) from kept") == "0\n");
  (*second)->stop();
  CHECK(dev::run_program({"psql", connection, "-c", "select 1"}, "/", std::chrono::seconds{30})->status != 0);
}

TEST_CASE("a folder that was there before keeps its owner and its rights", "[postgres]") {
  const Folder folder;
  fs::create_directory(folder.path());
  chmod(folder.path().c_str(), 0755);
  struct stat before {};
  REQUIRE(stat(folder.path().c_str(), &before) == 0);
  for (int runs = 0; runs < 2; ++runs) {
    const auto postgres = dev::PrivatePostgres::start(folder.path());
    INFO((postgres ? "" : postgres.error().detail));
    REQUIRE(postgres.ok());
    (*postgres)->stop();
    struct stat after {};
    REQUIRE(stat(folder.path().c_str(), &after) == 0);
    CHECK(after.st_uid == before.st_uid);
    CHECK(after.st_mode == before.st_mode);
    CHECK(fs::exists(folder.path() / "turnwise" / "postgres" / "PG_VERSION"));
  }
}

TEST_CASE("a folder of somebody else is not taken", "[postgres]") {
  const Folder folder;
  fs::create_directories(folder.path() / "turnwise");
  if (geteuid() == 0) {
    REQUIRE(chown((folder.path() / "turnwise").c_str(), 65'533, 65'533) == 0);
    CHECK(dev::PrivatePostgres::start(folder.path()).error().detail.find("belongs to somebody else") != std::string::npos);
  }
  fs::remove(folder.path() / "turnwise");
  fs::create_directory_symlink("/", folder.path() / "turnwise");
  CHECK_FALSE(dev::PrivatePostgres::start(folder.path()).ok());
}

TEST_CASE("a folder whose name is too long for a socket gets its socket elsewhere", "[postgres]") {
  const Folder folder;
  const auto postgres = dev::PrivatePostgres::start(folder.path() / std::string(100, 'x'));
  INFO((postgres ? "" : postgres.error().detail));
  REQUIRE(postgres.ok());
  CHECK(ask((*postgres)->connection(), "select 1") == "1\n");
  (*postgres)->stop();
}

TEST_CASE("a program is run to its end, and one that takes too long is killed") {
  const auto ran = dev::run_program({"sh", "-c", "echo out; echo err >&2; exit 3"}, "/", std::chrono::seconds{10});
  REQUIRE(ran.ok());
  CHECK(ran->status == 3);
  CHECK(ran->output == "out\nerr\n");
  CHECK_FALSE(dev::run_program({"sleep", "60"}, "/", std::chrono::milliseconds{50}).ok());
  CHECK_FALSE(dev::run_program({"/no/such/program"}, "/", std::chrono::seconds{1}).ok());
}
