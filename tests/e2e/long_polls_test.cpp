// Row 43 of the fault matrix: many workers that wait, beside a client that submits. Needs PostgreSQL.
#include <catch2/catch_test_macros.hpp>

#include <boost/json/parse.hpp>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/e2e/node_process.hpp"

namespace turnwise::tests {
namespace {

constexpr int polls = 500;
constexpr int submits = 1'000;
/// Of a submit: far more than one takes on a busy machine, far less than if it waited behind the polls.
constexpr std::chrono::seconds submit_max{2};

/// Workers of kind "work" that wait for one job each, and complete it.
class WaitingWorkers {
public:
  explicit WaitingWorkers(const NodeProcess& node) : node_(node) {
    for (int i = 0; i < polls; ++i) {
      threads_.emplace_back([this, i] { work(i); });
    }
  }
  ~WaitingWorkers() {
    giving_up_ = true;
    join();
  }
  WaitingWorkers(const WaitingWorkers&) = delete;
  WaitingWorkers& operator=(const WaitingWorkers&) = delete;

  void join() {
    for (auto& thread : threads_) {
      thread.join();
    }
    threads_.clear();
  }
  [[nodiscard]] int completed() const { return completed_; }

private:
  void work(int number) {
    auto client = node_.connect();
    client::ClaimRequest request;
    request.worker = "patient-" + std::to_string(number);
    request.kinds = {"work"};
    request.wait = 20s;
    const auto deadline = std::chrono::steady_clock::now() + 2 * patience;
    while (!giving_up_ && std::chrono::steady_clock::now() < deadline) {
      const auto claimed = client.claim(request);
      if (claimed.ok() && !claimed->grants.empty()) {
        completed_ += client.complete(claimed->grants.front().receipt).ok() ? 1 : 0;
        return;
      }
    }
  }

  const NodeProcess& node_;
  std::atomic<int> completed_{};
  std::atomic<bool> giving_up_{};
  std::vector<std::thread> threads_;
};

std::uint64_t claims_waiting(const NodeProcess& node) {
  return boost::json::parse(node.connect().stats().value().text).at("claims_waiting").to_number<std::uint64_t>();
}

TEST_CASE("43 many waiting workers do not keep others from submitting, and each gets the job that comes for it") {
  TestDatabase database;
  NodeProcess node(database.connection());
  node.start();
  WaitingWorkers workers(node);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (claims_waiting(node) < polls) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(1ms); // between two looks at a counter
  }
  auto client = node.connect();
  std::chrono::steady_clock::duration slowest{};
  for (int i = 0; i < submits; ++i) {
    auto job = keyed_job("idle-" + std::to_string(i));
    job.kind = "nobody-waits-for-this";
    job.subject = "idle:" + std::to_string(i % 100);
    const auto begun = std::chrono::steady_clock::now();
    REQUIRE(client.submit(job).ok());
    slowest = std::max(slowest, std::chrono::steady_clock::now() - begun);
  }
  CHECK(slowest < submit_max);
  CHECK(claims_waiting(node) == polls);

  for (int i = 0; i < polls; ++i) {
    auto job = keyed_job("k" + std::to_string(i));
    job.subject = "poll:" + std::to_string(i);
    REQUIRE(client.submit(job).ok());
  }
  workers.join();
  CHECK(workers.completed() == polls);
}

} // namespace
} // namespace turnwise::tests
