// `turnwise verify`, lists and commands about many against the real node. Needs PostgreSQL.
#include <catch2/catch_test_macros.hpp>

#include "tests/e2e/load.hpp"
#include "tests/e2e/node_process.hpp"

namespace turnwise::tests {
namespace {

TEST_CASE("the journal of a node that was killed under load is clean, also while it runs; a row that is taken out is found") {
  const TestDatabase database;
  NodeProcess node{database.connection(), {"--lease-min", "1s"}};
  const std::vector<std::string> verify{"verify", "--database", database.connection()};
  node.start();
  {
    Load load(node, 600, 20);
    load.wait_for(150);
    node.kill();
    node.start();
    load.wait_for(300);
    CHECK(run_turnwise(verify) == 0);
    node.kill();
    node.start();
    load.finish();
  }
  CHECK(run_turnwise(verify) == 0);
  CHECK(node.stop() == 0);
  CHECK(run_turnwise(verify) == 0);
  database.query("DELETE FROM turnwise.journal_1 WHERE (shard, entry, seq) IN (SELECT shard, entry, seq FROM "
                 "turnwise.journal_1 WHERE event = 3 ORDER BY seq LIMIT 1)");
  CHECK(run_turnwise(verify) == 1);
  CHECK(run_turnwise({"verify", "--database", "host=/nowhere"}) == 2);
}

TEST_CASE("what a node writes that gives two turns of a subject at once (M10) is found") {
  const TestDatabase database;
  NodeProcess node{database.connection(), {"--lease-min", "1s"}};
  node.start({{"TURNWISE_MUTANTS", "M10"}});
  for (const std::string key : {"k1", "k2"}) {
    REQUIRE(node.connect().submit(keyed_job(key)).ok());
    claim_one(node);
  }
  CHECK(run_turnwise({"verify", "--database", database.connection()}) == 1);
}

TEST_CASE("parked jobs are listed and retried from the command line, across a kill") {
  const TestDatabase database;
  NodeProcess node{database.connection(), {"--lease-min", "1s"}};
  node.start();
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--url", "http://" + node.address()});
    return run_turnwise(arguments);
  };
  auto job = keyed_job("k");
  job.options.max_attempts = 1;
  const auto parked = node.connect().submit(job).value();
  REQUIRE(node.connect().fail(claim_one(node).receipt, {.error = "no", .retry = true, .retry_after = std::nullopt}).ok());
  node.kill();
  node.start();
  CHECK(run({"parked"}) == 0);
  CHECK(run({"jobs", "--state", "parked", "--subject", "a:1", "--json"}) == 0);
  CHECK(run({"retry", "--all-parked", "--kind", "work"}) == 0);
  CHECK(run({"retry", parked.id}) == 1); // it waits already
  const auto grant = claim_one(node);
  CHECK(grant.job == parked.id);
  CHECK(grant.attempt == 2);
  CHECK(run({"cancel", parked.id}) == 0); // is asked to stop
  REQUIRE(node.connect().complete(grant.receipt, "1").ok());
  CHECK(run({"history", "a:1"}) == 0);
  CHECK(run({"holds"}) == 0);
  CHECK(run_turnwise({"verify", "--database", database.connection()}) == 0);
}

} // namespace
} // namespace turnwise::tests
