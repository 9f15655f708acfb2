// Like row 18 of the fault matrix: PostgreSQL is there, and says nothing. Needs PostgreSQL.
#include <signal.h>

#include <catch2/catch_test_macros.hpp>

#include "tests/e2e/load.hpp"
#include "tests/e2e/node_process.hpp"

namespace turnwise::tests {
namespace {

constexpr int jobs = 600;
constexpr int subjects = 12;
/// Longer than the ttl of a node.
constexpr std::chrono::seconds freeze{8};
constexpr std::chrono::seconds submit_wait{2};
/// What a node that was told to stop may need beyond --drain-max, whatever PostgreSQL does.
constexpr std::chrono::seconds farewell_max{20};

/// PostgreSQL, frozen as long as this lives.
class Frozen {
public:
  explicit Frozen(PrivatePostgres& server) : server_(server) { server_.freeze(); }
  ~Frozen() { server_.thaw(); }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

private:
  PrivatePostgres& server_;
};

client::NewJob frozen_job(int key) {
  auto job = keyed_job("frozen-" + std::to_string(key));
  job.subject = "frozen:1";
  job.kind = "frozen";
  return job;
}

/// Submits until `freeze` is over, and nothing of it is acknowledged. @returns how many
int submit_in_vain(const NodeProcess& node) {
  client::Options options;
  options.request_timeout = submit_wait;
  auto client = node.connect(options);
  int keys = 0;
  for (const auto end = std::chrono::steady_clock::now() + freeze; std::chrono::steady_clock::now() < end; ++keys) {
    const auto submitted = client.submit(frozen_job(keys));
    REQUIRE_FALSE(submitted.ok());
    CHECK(client::is_transient(submitted.error().code));
    CHECK(client.request("GET", "/livez").value().status == 200);
  }
  return keys;
}

/// Submits again what was submitted in vain, and works on it: it may have been kept for later, so the keys tell.
void submit_again_and_work(const NodeProcess& node, int keys) {
  auto client = node.connect();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (int key = 0; key < keys; ++key) {
    REQUIRE(client::with_retry(deadline, [&] { return client.submit(frozen_job(key)); }).ok());
  }
  for (int done = 0; done < keys; ++done) {
    REQUIRE(client.complete(claim_one(node, "frozen").receipt).ok());
  }
}

TEST_CASE(
    "18 PostgreSQL is frozen for longer than a node's ttl under load: nothing is acknowledged meanwhile, lost or doubled") {
  PrivatePostgres server;
  TestDatabase database(server);
  NodeProcess node(database.connection());
  node.start();
  int in_vain = 0;
  {
    Load load(node, jobs, subjects);
    load.wait_for(jobs / 4);
    {
      const Frozen frozen(server);
      in_vain = submit_in_vain(node);
    }
    load.finish();
  }
  submit_again_and_work(node, in_vain);
  CHECK(faults_in_journal(database, jobs + in_vain) == "");
  CHECK(node.stop() == 0); // nobody has declared it dead
}

TEST_CASE("18 a node that is told to stop while PostgreSQL is frozen ends in bounded time, and its successor takes over") {
  PrivatePostgres server;
  TestDatabase database(server);
  NodeProcess node(database.connection(), {"--drain-max", "1s"});
  node.start();
  REQUIRE(node.connect().submit(keyed_job("k")).ok());
  {
    const Frozen frozen(server);
    client::Options options;
    options.request_timeout = submit_wait;
    REQUIRE_FALSE(node.connect(options).submit(keyed_job("later")).ok()); // so that a lane is in the middle of a write
    const auto begun = std::chrono::steady_clock::now();
    CHECK(node.stop() == 1); // not in order: its shards are still its own
    CHECK(std::chrono::steady_clock::now() - begun < farewell_max);
  }
  node.start();
  CHECK(node.connect().submit(keyed_job("k")).value().disposition == "duplicate");
  CHECK(node.connect().submit(keyed_job("later")).ok());
  CHECK(node.stop() == 0);
}

TEST_CASE("18 a node that is started while PostgreSQL is frozen says so and ends") {
  PrivatePostgres server;
  const TestDatabase database(server);
  REQUIRE(run_turnwise({"migrate", "--database", database.connection()}) == 0);
  const Frozen frozen(server);
  CHECK(run_turnwise({"serve", "--database", database.connection(), "--listen", "127.0.0.1:0"}) == 1);
}

} // namespace
} // namespace turnwise::tests
