// What a node does when its journal fails. The number in a test's name is the row of docs/FAULTS.md.
#include "tests/actors/harness.hpp"
#include "tests/support/history.hpp"

#include <atomic>

namespace turnwise::tests {
namespace {

using storage::AppendStatus;

/// Lets one append go wrong, the first that writes a record of this type.
template <class Record>
std::function<std::optional<AppendStatus>(std::span<const storage::Row>)> once_for(AppendStatus status) {
  auto done = std::make_shared<std::atomic<bool>>();
  return [=](std::span<const storage::Row> rows) -> std::optional<AppendStatus> {
    for (const auto& row : rows) {
      if (std::holds_alternative<Record>(row.record.body) && !done->exchange(true)) {
        return status;
      }
    }
    return std::nullopt;
  };
}

/// How many open jobs a subject has.
std::size_t jobs_of(TestNode& node, const std::string& subject) {
  return node.subject(subject).jobs.size();
}

// ── Unknown outcomes ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// Submits one job whose commit is lost, written or not; returns what the journal holds of it and whether that is right.
std::string submit_with_lost_answer(bool written) {
  storage::MemoryFaults faults;
  faults.on_append = once_for<model::Submitted>(AppendStatus::unknown);
  faults.write_anyway = [=](auto) { return written; };
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(4, faults));
  {
    TestNode node(store);
    const auto response = node.submit(job_for("a:1"));
    if (!std::holds_alternative<model::Accepted>(response)) {
      return "not accepted";
    }
  }
  TestNode again(store); // what a restart finds is what was acknowledged
  const auto jobs = jobs_of(again, "a:1");
  return jobs == 1 ? "" : "acknowledged 1 job, the journal has " + std::to_string(jobs);
}

TEST_CASE("03 17 the answer to a commit that went through is lost: the job exists once and is acknowledged once") {
  CHECK(submit_with_lost_answer(true).empty());
}

TEST_CASE("02 the connection is lost before the commit: the job is written again and acknowledged once") {
  CHECK(submit_with_lost_answer(false).empty());
}

TEST_CASE("M4 is noticed: an unknown outcome taken for a failure writes the job twice") {
  const Mutant mutant("M4");
  storage::MemoryFaults faults;
  faults.on_append = once_for<model::Submitted>(AppendStatus::unknown);
  faults.write_anyway = [](auto) { return true; };
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1, faults));
  std::optional<model::JobId> id;
  {
    TestNode node(store);
    id = id_of(node.submit(job_for("a:1")));
  }
  const auto history = tests::history_of(*store->open_reader(), id->shard, id->entry);
  CHECK(history->size() == 2); // two `submitted` for one job
}

TEST_CASE("an unknown outcome writes no record twice") {
  storage::MemoryFaults faults;
  faults.on_append = once_for<model::Submitted>(AppendStatus::unknown);
  faults.write_anyway = [](auto) { return true; };
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(1, faults));
  TestNode node(store);
  const auto id = id_of(node.submit(job_for("a:1")));
  const auto history = tests::history_of(*store->open_reader(), id.shard, id.entry);
  CHECK(history->size() == 1);
}

TEST_CASE("M5 is noticed: an unknown outcome taken for a success loses the job") {
  const Mutant mutant("M5");
  CHECK_FALSE(submit_with_lost_answer(false).empty());
}

// ── Acknowledging ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Whether a submit is acknowledged although its commit is held back.
bool is_acknowledged_before_the_commit() {
  std::atomic<bool> held{true};
  std::atomic<bool> reached{false};
  storage::MemoryFaults faults;
  faults.on_append = [&](auto) -> std::optional<AppendStatus> {
    reached = true;
    return held ? std::optional{AppendStatus::unavailable} : std::nullopt;
  };
  TestNode node(storage::open_memory(1, faults));
  auto answers = std::make_shared<Answers>(1);
  node->submit({job_for("a:1")}, answers);
  node.wait_until([&] { return reached.load(); });
  const bool early = answers->arrives_within(50ms);
  held = false;
  answers->wait();
  return early;
}

TEST_CASE("no submit is acknowledged before its commit") {
  CHECK_FALSE(is_acknowledged_before_the_commit());
}

TEST_CASE("M3 is noticed: an acknowledgement before the commit") {
  const Mutant mutant("M3");
  CHECK(is_acknowledged_before_the_commit());
}

TEST_CASE("while PostgreSQL is away new jobs are refused as unavailable, and nothing that was taken is lost") {
  std::atomic<bool> down{false};
  storage::MemoryFaults faults;
  faults.on_append = [&](auto) { return down ? std::optional{AppendStatus::unavailable} : std::nullopt; };
  TestNode node(storage::open_memory(1, faults));
  down = true;
  auto first = std::make_shared<Answers>(1);
  node->submit({job_for("a:1", "1")}, first);
  model::Errc code{};
  node.wait_until([&] {
    auto refused = std::make_shared<Answers>(1);
    node->submit({job_for("b:1", "2")}, refused);
    if (!refused->arrives_within(20ms)) {
      return false;
    }
    code = get<model::Error>(refused->wait()[0]).code;
    return true;
  });
  CHECK(code == model::Errc::unavailable);
  down = false;
  get<model::Accepted>(first->wait()[0]);
  CHECK(jobs_of(node, "a:1") == 1);
}

TEST_CASE("19 a full disk is told apart: insufficient storage") {
  std::atomic<bool> full{false};
  storage::MemoryFaults faults;
  faults.on_append = [&](auto) { return full ? std::optional{AppendStatus::no_space} : std::nullopt; };
  TestNode node(storage::open_memory(1, faults));
  full = true;
  auto first = std::make_shared<Answers>(1);
  node->submit({job_for("a:1")}, first);
  node.wait_until([&] {
    auto refused = std::make_shared<Answers>(1);
    node->submit({job_for("b:1")}, refused);
    return refused->arrives_within(20ms) && get<model::Error>(refused->wait()[0]).code == model::Errc::insufficient_storage;
  });
  full = false;
  get<model::Accepted>(first->wait()[0]);
}

TEST_CASE("39 a refused record fails only its own request: batch-mates commit and the shard goes on") {
  storage::MemoryFaults faults;
  faults.on_append = [](std::span<const storage::Row> rows) -> std::optional<AppendStatus> {
    for (const auto& row : rows) {
      if (const auto* job = std::get_if<model::Submitted>(&row.record.body); job != nullptr && job->payload == "bad") {
        return AppendStatus::refused;
      }
    }
    return std::nullopt;
  };
  TestNode node(storage::open_memory(4, faults));
  std::vector<model::NewJob> jobs;
  for (int i = 0; i < 100; ++i) {
    jobs.push_back(job_for("s:" + std::to_string(i), i == 50 ? "bad" : "{}"));
  }
  const auto responses = node.submit_all(std::move(jobs));
  int accepted = 0;
  for (std::size_t i = 0; i < responses.size(); ++i) {
    if (std::holds_alternative<model::Accepted>(responses[i])) {
      ++accepted;
    } else {
      const auto error = get<model::Error>(responses[i]);
      CHECK(error.code == (i == 50 ? model::Errc::malformed : model::Errc::unavailable));
    }
  }
  CHECK(accepted >= 75); // all of the three other shards, and what came before in its own
  node.wait_until_ready();
  get<model::Accepted>(node.submit(job_for("s:50")));
  CHECK(node->stats().jobs_open == static_cast<std::uint64_t>(accepted) + 1);
}

// ── PostgreSQL hangs ─────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("18 a node whose beat has no answer stops accepting, and goes on when it has one") {
  auto store = std::make_shared<IsolatedStore>(std::shared_ptr<storage::Store>(storage::open_memory(1)));
  TestNode node(store);
  get<model::Accepted>(node.submit(job_for("a:1")));
  store->is_frozen = true;
  node.wait_until([&] { return !node->ready(); });
  CHECK(get_error(node.submit(job_for("a:2"))) == model::Errc::unavailable);
  store->is_frozen = false;
  store->is_frozen.notify_all();
  node.wait_until_ready();
  get<model::Accepted>(node.submit(job_for("a:2")));
}

// ── Bounds ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("jobs with large payloads are written in transactions of bounded size") {
  constexpr std::size_t payload = 250U << 10U;
  auto largest = std::make_shared<std::atomic<std::size_t>>();
  storage::MemoryFaults faults;
  faults.on_append = [=](std::span<const storage::Row> rows) -> std::optional<AppendStatus> {
    *largest = std::max(largest->load(), rows.size());
    return std::nullopt;
  };
  TestNode node(std::shared_ptr<storage::Store>(storage::open_memory(2, faults)));
  std::vector<model::NewJob> jobs;
  for (int i = 0; i < 300; ++i) {
    jobs.push_back(job_for("a:" + std::to_string(i), '"' + std::string(payload, 'x') + '"'));
  }
  for (const auto& response : node.submit_all(std::move(jobs))) {
    get<model::Accepted>(response);
  }
  CHECK(largest->load() * payload <= (17U << 20U));
  CHECK(node->stats().jobs_open == 300);
}

} // namespace
} // namespace turnwise::tests
