// The end of a node: everybody is answered, and what was accepted stays.
#include "tests/actors/harness.hpp"

#include <thread>

namespace turnwise::tests {
namespace {

TEST_CASE("draining answers waiting claims, finishes what is under way and frees the shards") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(8));
  {
    TestNode node(store);
    node.submit(job_for("a:1"));
    const auto grant = node.claim("work").at(0);
    auto waiting = std::make_shared<Claimed>();
    node->claim({"w", {"work"}, 1, {}, 10s}, waiting);
    node.wait_until([&] { return node->stats().claims_waiting == 1; });
    std::thread worker([&] {
      CHECK(waiting->wait().empty());
      get<model::Outcome>(node.complete(grant));
    });
    node->drain();
    worker.join();
  }
  const auto rows = store->open_ownership()->shards().value();
  for (const auto& row : rows) {
    CHECK_FALSE(row.owned);
  }
}

TEST_CASE("what is submitted while a node drains is accepted for good or refused") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(4));
  std::vector<std::shared_ptr<Answers>> sent;
  std::size_t accepted = 0;
  {
    TestNode node(store);
    std::atomic<bool> drained{false};
    std::thread client([&] {
      while (!drained) {
        sent.push_back(std::make_shared<Answers>(1));
        node->submit({job_for("a:" + std::to_string(sent.size()))}, sent.back());
        std::this_thread::yield();
      }
    });
    node.wait_until([&] { return node->stats().submitted > 100; });
    node->drain();
    drained = true;
    client.join();
    for (const auto& answers : sent) {
      const auto response = answers->wait().front();
      if (std::holds_alternative<model::Accepted>(response)) {
        ++accepted;
      } else {
        REQUIRE(get_error(response) == model::Errc::unavailable);
      }
    }
  }
  CHECK(accepted > 100);
  TestNode again(store);
  CHECK(again->stats().jobs_open == accepted);
}

TEST_CASE("a heartbeat that waits for a beat is answered when its node stops") {
  auto store = std::make_shared<IsolatedStore>(std::shared_ptr<storage::Store>(storage::open_memory(1)));
  auto answers = std::make_shared<Answers>(1);
  {
    TestNode node(store, [](actors::EngineConfig& config) { config.drain_max = 1ms; });
    node.submit(job_for("a:1"));
    const auto grant = node.claim("work").at(0);
    store->is_cut = true;
    node.wait_until([&] { return !node->stats().journal_up; });
    actors::Answer heartbeat;
    heartbeat.receipt = {grant.shard, {grant.entry, grant.attempt, grant.nonce}};
    node->answer({heartbeat}, answers);
    node->drain();
  }
  CHECK(get_error(answers->wait().front()) == model::Errc::unavailable);
}

} // namespace
} // namespace turnwise::tests
