// Rows 1 to 7 of the fault matrix: the node is killed with -9 at a chosen line, and started again. Needs PostgreSQL.
#include <signal.h>

#include <catch2/catch_test_macros.hpp>

#include <thread>

#include "tests/e2e/node_process.hpp"
#include "tests/support/held_shards.hpp"

namespace turnwise::tests {
namespace {

struct Fixture {
  TestDatabase database;
  NodeProcess node{database.connection(), {"--lease-min", "1s"}};

  /// Submits under a key, again and again until there is an answer.
  client::Submitted submit(const std::string& key) {
    auto client = node.connect();
    auto result =
        client::with_retry(std::chrono::steady_clock::now() + patience, [&] { return client.submit(keyed_job(key)); });
    REQUIRE(result.ok());
    return *result;
  }
  [[nodiscard]] std::string jobs_in_journal() const {
    return database.query("SELECT count(*) FROM turnwise.journal_1 WHERE event = 1");
  }
};

TEST_CASE("01 killed before the insert: no acknowledgement, and a retry creates the job once") {
  Fixture fixture;
  fixture.node.start({{"TURNWISE_FAILPOINTS", "before-append=abort"}});
  CHECK_FALSE(fixture.node.connect().submit(keyed_job("k")).ok());
  CHECK(fixture.node.wait() == 128 + SIGKILL);
  CHECK(fixture.jobs_in_journal() == "0");
  fixture.node.start();
  CHECK(fixture.submit("k").disposition == "accepted");
  CHECK(fixture.jobs_in_journal() == "1");
}

TEST_CASE("02 03 killed while the statement is under way: the job exists once, whichever way the commit went") {
  Fixture fixture;
  fixture.node.start();
  // The fence waits for these rows, so the node dies between sending its statement and the end of it.
  HeldShards hold(fixture.database.connection());
  std::thread submitter([&] { CHECK_FALSE(fixture.node.connect().submit(keyed_job("k")).ok()); });
  hold.wait_for_waiter();
  fixture.node.kill();
  submitter.join();
  hold.release();
  fixture.node.start();
  fixture.submit("k");
  CHECK(fixture.jobs_in_journal() == "1");
}

TEST_CASE("03 04 killed after the commit and before the answer: the same key finds the same job") {
  Fixture fixture;
  fixture.node.start({{"TURNWISE_FAILPOINTS", "after-append=abort"}});
  CHECK_FALSE(fixture.node.connect().submit(keyed_job("k")).ok());
  CHECK(fixture.node.wait() == 128 + SIGKILL);
  CHECK(fixture.jobs_in_journal() == "1");
  fixture.node.start();
  CHECK(fixture.submit("k").disposition == "duplicate");
  CHECK(fixture.jobs_in_journal() == "1");
}

TEST_CASE("05 killed after the grant was durable and before the worker got it: the lease expires and attempt 2 runs") {
  Fixture fixture;
  fixture.node.start({{"TURNWISE_FAILPOINTS", "after-append=abort@2"}});
  const auto job = fixture.submit("k");
  client::ClaimRequest request;
  request.worker = "unlucky";
  request.kinds = {"work"};
  request.lease = 1s;
  CHECK_FALSE(fixture.node.connect().claim(request).ok());
  CHECK(fixture.node.wait() == 128 + SIGKILL);
  fixture.node.start();
  const auto grant = claim_one(fixture.node);
  CHECK(grant.job == job.id);
  CHECK(grant.attempt == 2);
  CHECK(fixture.node.connect().complete(grant.receipt).ok());
}

TEST_CASE("06 killed while a worker runs: the worker completes its first attempt at the restarted node") {
  Fixture fixture;
  fixture.node.start();
  const auto job = fixture.submit("k");
  const auto grant = claim_one(fixture.node);
  fixture.node.kill();
  fixture.node.start();
  auto client = fixture.node.connect();
  CHECK(client.heartbeat(grant.receipt).ok());
  CHECK(client.complete(grant.receipt, R"("done")").value().state == "succeeded");
  const auto story = client.job(job.id).value();
  CHECK(story.state == "succeeded");
  CHECK(story.attempt == 1);
}

TEST_CASE("07 killed after the outcome was durable and before its answer: the same answer gets the same outcome") {
  Fixture fixture;
  fixture.node.start({{"TURNWISE_FAILPOINTS", "after-append=abort@3"}});
  fixture.submit("k");
  const auto grant = claim_one(fixture.node);
  CHECK_FALSE(fixture.node.connect().complete(grant.receipt).ok());
  CHECK(fixture.node.wait() == 128 + SIGKILL);
  fixture.node.start();
  auto client = fixture.node.connect();
  CHECK(client.complete(grant.receipt).value().state == "succeeded");
  CHECK(fixture.database.query("SELECT count(*) FROM turnwise.journal_1 WHERE event = 4") == "1");
}

} // namespace
} // namespace turnwise::tests
