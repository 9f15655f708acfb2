// `turnwise hold`, `pause` and `resume` against the real node. Needs PostgreSQL.
#include <catch2/catch_test_macros.hpp>

#include <fstream>

#include "tests/e2e/node_process.hpp"
#include "tests/support/temporary_folder.hpp"

namespace turnwise::tests {
namespace {

struct Scene {
  TestDatabase database;
  NodeProcess node{database.connection(), {"--lease-min", "1s"}};
  TemporaryFolder folder;

  int run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin() + 2, {"--url", "http://" + node.address()});
    return run_turnwise(arguments);
  }
  [[nodiscard]] std::string content(const std::string& name) const {
    std::ifstream file(folder.file(name));
    std::string text;
    std::getline(file, text);
    return text;
  }
};

TEST_CASE("a command runs in a turn of its own, longer than the ttl, and its exit status is that of `turnwise hold`") {
  Scene scene;
  scene.node.start();
  const std::string script = "echo \"$TURNWISE_SUBJECT $TURNWISE_FENCING_TOKEN\" > " + scene.folder.file("token") +
                             "; sleep 2; exit 7"; // two leases: renewed meanwhile
  CHECK(scene.run({"hold", "a:1", "--ttl", "1s", "--", "sh", "-c", script}) == 7);
  CHECK(scene.content("token").starts_with("a:1 1"));
  CHECK(scene.database.query("SELECT string_agg(event, ' ') FROM turnwise.journal_of('a:1')") == "held hold-released");
}

TEST_CASE("no command runs beside a job of its subject, nor while the subject is paused") {
  Scene scene;
  scene.node.start();
  REQUIRE(scene.node.connect().submit(keyed_job("k")).ok());
  const auto grant = claim_one(scene.node);
  const std::vector<std::string> attempt{"hold", "a:1", "--skip", "--", "touch", scene.folder.file("ran")};
  CHECK(scene.run(attempt) == 1);
  REQUIRE(scene.node.connect().complete(grant.receipt, "1").ok());
  CHECK(scene.run({"pause", "a:1", "--why", "looking at it"}) == 0);
  CHECK(scene.run(attempt) == 1);
  CHECK_FALSE(std::filesystem::exists(scene.folder.file("ran")));
  CHECK(scene.run({"resume", "a:1"}) == 0);
  CHECK(scene.run(attempt) == 0);
  CHECK(std::filesystem::exists(scene.folder.file("ran")));
}

} // namespace
} // namespace turnwise::tests
