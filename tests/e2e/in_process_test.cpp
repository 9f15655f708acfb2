// The example of a program that is a node itself: examples/in-process, as it is built. Needs PostgreSQL.
#include <signal.h>

#include <catch2/catch_test_macros.hpp>

#include <thread>

#include "tests/e2e/node_process.hpp"
#include "tests/e2e/own_network.hpp"

namespace turnwise::tests {
namespace {

constexpr int deposits = 40;
/// Where the example serves, and nowhere else.
constexpr auto url = "http://127.0.0.1:7171";

client::Client connect() {
  return client::Client::open(url).value();
}

client::Submitted deposit(const std::string& account, const std::string& payload) {
  client::NewJob job;
  job.subject = account;
  job.kind = "deposit";
  job.payload = payload;
  auto submitted = connect().submit(job);
  REQUIRE(submitted.ok());
  return *submitted;
}

client::Job wait_for_end(const std::string& job) {
  auto story = connect().wait_for_job(job, 20s);
  REQUIRE(story.ok());
  return *story;
}

TEST_CASE("the in-process example adds up deposits of one account in order, refuses a wrong one, and ends when asked to") {
  const OwnNetwork network;
  if (connect().request("GET", "/livez").ok()) {
    SKIP("another program listens on 127.0.0.1:7171, where the example serves, and only root may have a network of its own");
  }
  const TestDatabase database;
  REQUIRE(run_turnwise({"migrate", "--database", database.connection()}) == 0);
  Child example(TURNWISE_IN_PROCESS_EXAMPLE, {database.connection()});
  auto client = connect();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!client.ready()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    REQUIRE(example.runs());
    std::this_thread::yield();
  }

  std::vector<std::string> jobs;
  for (int amount = 1; amount <= deposits; ++amount) {
    for (const auto* account : {"account:7", "account:8"}) {
      jobs.push_back(deposit(account, R"({"amount":)" + std::to_string(amount) + "}").id);
    }
  }
  long balance = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    balance += i % 2 == 0 ? static_cast<long>(i / 2) + 1 : 0; // the accounts take turns, and get the same
    const auto story = wait_for_end(jobs[i]);
    CHECK(story.state == "succeeded");
    CHECK(story.text.find(R"("result":{"balance":)" + std::to_string(balance) + "}") != std::string::npos);
  }
  CHECK(balance == deposits * (deposits + 1) / 2);

  const auto wrong = deposit("account:7", R"({"amount":0})");
  const auto after = deposit("account:7", R"({"amount":1})");
  CHECK(wait_for_end(after.id).text.find(R"("result":{"balance":)" + std::to_string(balance + 1) + "}") != std::string::npos);
  const auto refused = connect().job(wrong.id).value();
  CHECK(refused.state == "parked");
  CHECK(refused.attempt == 1);
  CHECK(refused.error == R"(a deposit needs a positive amount: {"amount":5})");

  example.signal(SIGTERM);
  CHECK(example.wait_for_end(patience) == 0);
  CHECK(database.query("SELECT count(*) FROM turnwise.shard WHERE owner IS NOT NULL") == "0");
}

TEST_CASE("the in-process example says how it is called when it is called wrongly") {
  Child example(TURNWISE_IN_PROCESS_EXAMPLE, {});
  CHECK(example.wait_for_end(patience) == 2);
}

} // namespace
} // namespace turnwise::tests
