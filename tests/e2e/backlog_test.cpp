// Rows 36 and 37 of the fault matrix on one node: a subject with very many jobs, and very many subjects. Needs PostgreSQL.
#include <catch2/catch_test_macros.hpp>

#include <boost/json/parse.hpp>

#include <algorithm>
#include <thread>

#include "tests/e2e/node_process.hpp"

namespace turnwise::tests {
namespace {

constexpr int hot_jobs = 100'000;
/// As many of them as are worked on, with a kill in the middle and one at the end.
constexpr int hot_turns = 3'000;
constexpr int other_jobs = 400;
constexpr int other_subjects = 20;
constexpr int subjects_touched = 20'000;
constexpr int batch_jobs = 10'000;
/// Of a node with nothing to do.
constexpr std::uint64_t subjects_active_small = 100;

/// Submits `count` jobs of this kind in batches; job number n has payload n.
template <class SubjectOf>
void submit_many(const NodeProcess& node, const std::string& kind, int count, SubjectOf subject_of) {
  client::Options options;
  options.request_timeout = patience;
  auto client = node.connect(options);
  std::vector<client::NewJob> batch;
  for (int number = 0; number < count; ++number) {
    client::NewJob job;
    job.subject = subject_of(number);
    job.kind = kind;
    job.payload = std::to_string(number);
    batch.push_back(std::move(job));
    if (batch.size() == batch_jobs || number == count - 1) {
      const auto submitted = client.submit_batch(batch);
      REQUIRE(submitted.ok());
      REQUIRE(std::ranges::all_of(*submitted, [](const auto& one) { return one.ok(); }));
      batch.clear();
    }
  }
}

/// A worker that brings its answers along with its next claim.
class Worker {
public:
  Worker(const NodeProcess& node, const std::string& kind, std::uint32_t max) : client_(node.connect()) {
    request_.worker = "one-of-many";
    request_.kinds = {kind};
    request_.max = max;
    request_.wait = 1s;
  }

  /// Claims, however often the node has to be asked; what it got before counts as done. @returns the payloads
  std::vector<int> next() {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
      const auto claimed = client_.claim(request_);
      const bool heard = claimed.ok() && std::ranges::all_of(claimed->results, [](const auto& one) { return one.ok(); });
      if (heard) {
        request_.results.clear();
      }
      if (heard && !claimed->grants.empty()) {
        std::vector<int> numbers;
        for (const auto& grant : claimed->grants) {
          numbers.push_back(std::stoi(grant.payload));
          request_.results.push_back({grant.receipt, client::Answer::Outcome::complete, {}, {}, true, {}});
        }
        return numbers;
      }
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::sleep_for(1ms); // between two tries
    }
  }
  /// Brings the last answers, and takes nothing more.
  void finish() {
    request_.kinds = {"no-such-kind"};
    request_.wait = 0ms;
    REQUIRE(client::with_retry(std::chrono::steady_clock::now() + patience, [&] { return client_.claim(request_); }).ok());
  }

private:
  client::Client client_;
  client::ClaimRequest request_;
};

std::uint64_t subjects_active(const NodeProcess& node) {
  return boost::json::parse(node.connect().stats().value().text).at("subjects_active").to_number<std::uint64_t>();
}

TEST_CASE(
    "36 a subject with a hundred thousand jobs keeps its order through a kill -9, and other subjects are served beside it") {
  TestDatabase database;
  NodeProcess node(database.connection());
  node.start();
  submit_many(node, "hot", hot_jobs, [](int) { return std::string("hot:1"); });
  submit_many(node, "other", other_jobs, [](int number) { return "other:" + std::to_string(number % other_subjects); });
  int hot_done = 0;
  int other_done = 0;
  for (const int turns : {hot_turns / 2, hot_turns}) {
    Worker hot(node, "hot", 8);
    Worker others(node, "other", 1);
    while (hot_done < turns) {
      REQUIRE(hot.next() == std::vector{hot_done}); // one turn at a time, in the order of the submits
      ++hot_done;
      if (hot_done * other_jobs > other_done * hot_turns) { // at an even pace, while the hot subject's turn is taken
        other_done += static_cast<int>(others.next().size());
      }
    }
    hot.finish();
    others.finish();
    node.kill();
    node.start();
  }
  CHECK(other_done == other_jobs);
  CHECK(database.query("SELECT count(*) FROM turnwise.journal_1 WHERE event = 4") == std::to_string(hot_turns + other_jobs));
  CHECK(node.connect().stats().value().jobs_open == hot_jobs - hot_turns);
  CHECK(node.stop() == 0);
}

TEST_CASE("37 subjects that were touched once leave no actor behind") {
  TestDatabase database;
  NodeProcess node(database.connection());
  node.start();
  submit_many(node, "touch", subjects_touched, [](int number) { return "subject:" + std::to_string(number); });
  Worker worker(node, "touch", 500);
  for (std::size_t done = 0; done < subjects_touched;) {
    done += worker.next().size();
  }
  worker.finish();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (subjects_active(node) > subjects_active_small) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(1ms); // between two looks at a counter
  }
  CHECK(node.connect().stats().value().jobs_open == 0);
}

} // namespace
} // namespace turnwise::tests
