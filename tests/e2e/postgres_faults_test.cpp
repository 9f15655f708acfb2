// Rows 15 to 17 of the fault matrix, and restarts: what happens to PostgreSQL and to the node under load. Needs PostgreSQL.
#include <catch2/catch_test_macros.hpp>

#include "tests/e2e/load.hpp"
#include "tests/e2e/node_process.hpp"

namespace turnwise::tests {
namespace {

constexpr int jobs = 1'200;
constexpr int subjects = 12;

TEST_CASE("15 PostgreSQL crashes and starts again under load: nothing is lost, doubled or out of order") {
  PrivatePostgres server;
  TestDatabase database(server);
  NodeProcess node(database.connection());
  node.start();
  Load load(node, jobs, subjects);
  for (int crash = 1; crash <= 2; ++crash) {
    load.wait_for(crash * jobs / 4);
    server.stop_immediately();
    server.start();
  }
  load.finish();
  CHECK(faults_in_journal(database, jobs) == "");
  CHECK(node.stop() == 0);
}

TEST_CASE("16 all sessions of the node are ended under load: nothing is lost, doubled or out of order") {
  TestDatabase database;
  NodeProcess node(database.connection());
  node.start();
  Load load(node, jobs, subjects);
  int ended = 0;
  for (int round = 1; round <= 10; ++round) {
    load.wait_for(round * jobs / 12);
    ended += database.terminate_backends();
  }
  load.finish();
  CHECK(ended >= 10);
  CHECK(faults_in_journal(database, jobs) == "");
}

TEST_CASE("17 the answer to a commit is lost under load: the batch is found and exists once") {
  TestDatabase database;
  NodeProcess node(database.connection());
  node.start({{"TURNWISE_FAILPOINTS", "lose-append-answer=error@20,lose-append=error@40"}});
  {
    Load load(node, jobs, subjects);
    load.finish();
  }
  CHECK(node.connect().stats().value().text.find(R"("unknown_outcomes":2)") != std::string::npos);
  CHECK(faults_in_journal(database, jobs) == "");
}

TEST_CASE("06 11 the node is killed again and again under load: nothing is lost, doubled or out of order") {
  TestDatabase database;
  NodeProcess node(database.connection(), {"--lease-min", "1s"});
  node.start();
  Load load(node, jobs, subjects);
  for (int round = 1; round <= 5; ++round) {
    load.wait_for(round * jobs / 7);
    node.kill();
    node.start();
  }
  load.finish();
  CHECK(faults_in_journal(database, jobs) == "");
  CHECK(node.stop() == 0);
}

TEST_CASE("SIGTERM drains: the running job is finished, the node ends with 0, and its successor takes over at once") {
  TestDatabase database;
  NodeProcess node(database.connection());
  node.start();
  REQUIRE(node.connect().submit(keyed_job("k")).ok());
  const auto grant = claim_one(node);
  std::thread worker([&] { CHECK(node.connect().complete(grant.receipt).ok()); });
  worker.join();
  CHECK(node.stop() == 0);
  CHECK(database.query("SELECT count(*) FROM turnwise.shard WHERE owner IS NOT NULL") == "0");
  node.start();
  CHECK(node.connect().job(grant.job).value().state == "succeeded");
}

} // namespace
} // namespace turnwise::tests
