#include "tests/e2e/load.hpp"

#include <catch2/catch_test_macros.hpp>

namespace turnwise::tests {
namespace {

constexpr int submitters = 4;
constexpr int workers = 2;
constexpr std::chrono::seconds load_patience{120};

} // namespace

Load::Load(const NodeProcess& node, int jobs, int subjects) : node_(node), jobs_(jobs), subjects_(subjects) {
  for (int i = 0; i < submitters; ++i)
    threads_.emplace_back([this, i] { submit(i, submitters); });
  for (int i = 0; i < workers; ++i)
    threads_.emplace_back([this, i] { work(i); });
}

Load::~Load() {
  giving_up_ = true;
  for (auto& thread : threads_)
    thread.join();
}

void Load::submit(int first, int step) {
  auto client = node_.connect();
  for (int i = first; i < jobs_ && !giving_up_; i += step) {
    auto job = keyed_job("k" + std::to_string(i));
    job.subject = "load:" + std::to_string(i % subjects_);
    const auto deadline = std::chrono::steady_clock::now() + load_patience;
    const auto result = client::with_retry(deadline, [&] { return client.submit(job); });
    acknowledged_ += result.ok() ? 1 : 0;
  }
}

/// Keeps its answers until they are taken: a worker that lives through a restart says again what it has said.
void Load::work(int number) {
  auto client = node_.connect();
  client::ClaimRequest request;
  request.worker = "worker-" + std::to_string(number);
  request.kinds = {"work"};
  request.max = 8;
  request.wait = 200ms;
  while (completed_ < jobs_ && !giving_up_) {
    const auto claimed = client.claim(request);
    if (!claimed.ok()) {
      std::this_thread::yield();
      continue;
    }
    for (const auto& grant : claimed->grants) {
      const auto deadline = std::chrono::steady_clock::now() + load_patience;
      const auto settled = client::with_retry(deadline, [&] { return client.complete(grant.receipt); });
      completed_ += settled.ok() ? 1 : 0;
    }
  }
}

void Load::wait_for(int completed) {
  const auto deadline = std::chrono::steady_clock::now() + load_patience;
  while (completed_ < completed) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(1ms); // between two looks at a counter
  }
}

void Load::finish() {
  wait_for(jobs_);
  for (auto& thread : threads_)
    thread.join();
  threads_.clear();
  CHECK(acknowledged_ == jobs_);
}

std::string faults_in_journal(const TestDatabase& database, int jobs) {
  static const std::string journal = "turnwise.journal_1";
  std::string faults;
  auto expect = [&](const std::string& what, const std::string& sql, const std::string& wanted) {
    if (const auto found = database.query(sql); found != wanted)
      faults += what + ": " + found + ", not " + wanted + "\n";
  };
  expect("jobs", "SELECT count(*) FROM " + journal + " WHERE event = 1", std::to_string(jobs));
  expect("keys", "SELECT count(DISTINCT key) FROM " + journal + " WHERE event = 1", std::to_string(jobs));
  expect("jobs without exactly one success",
         "SELECT count(*) FROM (SELECT shard, entry FROM " + journal +
             " GROUP BY 1, 2 HAVING count(*) FILTER (WHERE event = 4) <> 1) AS odd",
         "0");
  // In the order of sequence numbers, each subject goes start, end, start, end …, each end of the job that was started.
  const std::string turns =
      "SELECT o.subject, t.entry, t.seq, t.event = 3 AS is_start,"
      " lag(t.event = 3) OVER w AS after_start, lag(t.entry) OVER w AS before"
      " FROM " +
      journal + " AS t JOIN " + journal +
      " AS o ON o.shard = t.shard AND o.entry = t.entry"
      " AND o.event = 1 WHERE t.event IN (3, 4, 5, 6, 7, 8) WINDOW w AS (PARTITION BY o.subject ORDER BY t.seq)";
  expect("turns that overlap",
         "SELECT count(*) FROM (" + turns +
             ") AS t WHERE is_start = coalesce(after_start, false) AND NOT"
             " (NOT is_start AND before = entry)",
         "0");
  expect("starts before an older job was done", "SELECT count(*) FROM (" + turns + ") AS t WHERE is_start AND before > entry",
         "0");
  return faults;
}

} // namespace turnwise::tests
