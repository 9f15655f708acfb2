// Jobs that users' own transactions submit: what was committed runs, once, in the session's order; what was rolled back never
// was.
#include <map>
#include <random>
#include <set>
#include <thread>

#include "model/subject.hpp"
#include "tests/actors/harness.hpp"
#include "tests/actors/user_session.hpp"

namespace turnwise::tests {
namespace {

void complete_all(TestNode& node, const std::vector<model::Grant>& grants) {
  auto answers = std::make_shared<Answers>(grants.size());
  std::vector<actors::Answer> completed(grants.size());
  for (std::size_t i = 0; i < grants.size(); ++i) {
    completed[i].receipt = {grants[i].shard, {grants[i].entry, grants[i].attempt, grants[i].nonce}};
    completed[i].verb = actors::Answer::Verb::complete;
  }
  node->answer(std::move(completed), answers);
  answers->wait();
}

/// The payloads of all jobs that come within `wait`, in the order in which they started. Each is completed.
std::vector<std::string> run_all(TestNode& node, milliseconds wait = 1s) {
  std::vector<std::string> payloads;
  for (;;) {
    const auto grants = node.claim("work", 100, wait);
    if (grants.empty()) {
      return payloads;
    }
    complete_all(node, grants);
    for (const auto& grant : grants) {
      payloads.push_back(grant.payload);
    }
  }
}

using Payloads = std::vector<std::string>;

TEST_CASE("a job of a transaction runs when it is committed, and never was when it is rolled back", "[postgres]") {
  const TestDatabase database;
  TestNode node(journal_in(database));
  UserSession session(database);
  session.run("BEGIN");
  session.submit("a:1", "1");
  CHECK(node.claim("work", 1, 200ms).empty());
  session.run("COMMIT");
  CHECK(run_all(node) == Payloads{"1"});
  session.run("BEGIN");
  session.submit("a:1", "2");
  session.run("SAVEPOINT before");
  session.submit("a:1", "3");
  session.run("ROLLBACK TO before");
  session.submit("a:1", "4");
  session.run("COMMIT");
  session.run("BEGIN");
  session.submit("a:1", "5");
  session.run("ROLLBACK");
  CHECK(run_all(node) == Payloads{"2", "4"});
}

/// Two transactions, of which the one that began first commits last.
Payloads commit_late(bool one_more) {
  const TestDatabase database;
  TestNode node(journal_in(database));
  UserSession late(database);
  UserSession early(database);
  late.run("BEGIN");
  late.submit("a:1", "1");
  early.submit("a:1", "2");
  auto ran = run_all(node);
  if (one_more) {
    early.submit("a:1", "3");
    for (const auto& payload : run_all(node)) {
      ran.push_back(payload);
    }
  }
  late.run("COMMIT");
  for (const auto& payload : run_all(node)) {
    ran.push_back(payload);
  }
  return ran;
}

TEST_CASE("a transaction that commits late is not passed over", "[postgres]") {
  CHECK(commit_late(false) == Payloads{"2", "1"});
  CHECK(commit_late(true) == Payloads{"2", "3", "1"});
}

TEST_CASE("mutant M20: a cursor without gaps passes late commits over", "[postgres]") {
  const Mutant mutant("M20");
  CHECK(commit_late(false) == Payloads{"2"});
}

/// What waits after a restart of the node that took it over.
std::size_t waiting_after_restart() {
  const TestDatabase database;
  const auto store = journal_in(database);
  UserSession session(database);
  {
    TestNode node(store);
    session.submit("a:1", "1");
    session.submit("a:1", "2");
    node.wait_until([&] { return node.subject("a:1").queue_length == 2; });
  }
  TestNode node(store);
  session.submit("a:2", "3"); // whatever there is to be taken over is taken over before this
  node.wait_until([&] { return node.subject("a:2").queue_length == 1; });
  return run_all(node).size();
}

TEST_CASE("a row is taken over once, also when the node starts anew", "[postgres]") {
  CHECK(waiting_after_restart() == 3);
}

TEST_CASE("mutant M21: a node that does not remember what was taken over takes it twice", "[postgres]") {
  const Mutant mutant("M21");
  CHECK(waiting_after_restart() == 5);
}

TEST_CASE("options of a transaction's job do what they do over HTTP", "[postgres]") {
  const TestDatabase database;
  const auto store = journal_in(database);
  TestNode node(store);
  UserSession session(database);
  SECTION("coalescing, with and without a key, leads to one job, and the row can be found again") {
    const auto first = session.submit("a:1", "1", R"({"coalesce": "replace"})");
    const auto second = session.submit("a:1", "2", R"({"coalesce": "replace", "idempotency_key": "k"})");
    const auto third = session.submit("a:1", "3", R"({"coalesce": "skip"})");
    const auto fourth = session.submit("a:1", "2", R"({"coalesce": "replace", "idempotency_key": "k"})");
    session.submit("a:1", "5");
    node.wait_until([&] { return node.subject("a:1").queue_length == 2; });
    const auto job = to_string(model::JobId{model::shard_of("a:1", 4), node.subject("a:1").jobs.front().entry});
    for (const auto& row : {first, second, third, fourth}) {
      node.wait_until([&] { return session.value("SELECT turnwise.job_of('" + row + "')") == job; });
    }
    CHECK(run_all(node) == Payloads{"2", "5"});
  }
  SECTION("a job whose expires_at has passed when it is taken over fails, and is not lost") {
    session.run("BEGIN");
    session.run("SELECT turnwise.submit('a:1', 'work', '1', jsonb_build_object('expires_at', "
                "to_char((clock_timestamp() + interval '0.2 s') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')))");
    session.run("SELECT pg_sleep(0.4)");
    session.run("COMMIT");
    node.wait_until([&] { return session.value("SELECT count(*) FROM turnwise.journal_1 WHERE event = 13") == "1"; });
    CHECK(run_all(node).empty());
  }
  SECTION("a scheduled job waits for its time") {
    session.submit("a:1", "1", R"({"delay": "500ms"})");
    node.wait_until([&] { return node.subject("a:1").outside_count == 1; });
    CHECK(run_all(node, 2s) == Payloads{"1"});
  }
}

TEST_CASE("a full backlog makes transactions' jobs wait, and refuses none", "[postgres]") {
  const TestDatabase database;
  TestNode node(journal_in(database), [](auto& config) { config.subject_backlog_max = 2; });
  UserSession session(database);
  for (int i = 0; i < 7; ++i) {
    session.submit("a:1", std::to_string(i));
  }
  node.wait_until([&] { return node.subject("a:1").queue_length == 2; });
  CHECK(run_all(node, 1s) == Payloads{"0", "1", "2", "3", "4", "5", "6"});
}

TEST_CASE("rows are taken over, once, when all sessions were ended meanwhile", "[postgres]") {
  const TestDatabase database;
  TestNode node(journal_in(database));
  Payloads submitted;
  for (int i = 0; i < 10; ++i) {
    UserSession session(database);
    for (int j = 0; j < 20; ++j) {
      submitted.push_back(std::to_string(100 * i + j));
      session.submit("a:1", submitted.back());
    }
    CHECK(database.terminate_backends() > 0);
  }
  node.wait_until([&] { return node.subject("a:1").queue_length == submitted.size(); });
  CHECK(run_all(node) == submitted);
}

TEST_CASE("segments of transactions' rows are dropped when everything in them was taken over", "[postgres]") {
  const TestDatabase database;
  const auto store = journal_in(database);
  const auto adjust = [](auto& config) {
    config.outside = {.bytes_max = 8'192, .age_max = std::chrono::hours{1}, .grace = 0ms, .cursor_pause = 50ms};
  };
  UserSession session(database);
  UserSession open(database);
  open.run("BEGIN");
  open.submit("b:1", "\"open\"");
  std::optional<TestNode> node;
  node.emplace(store, adjust);
  std::set<std::string> ran;
  for (int i = 0; i < 600; ++i) {
    session.submit("a:" + std::to_string(i % 7), std::to_string(i));
  }
  const auto newest = [&] { return std::stoi(session.value("SELECT max(number) FROM turnwise.outside_segment")); };
  node->wait_until([&] {
    session.submit("a:8", "\"more\"");
    return newest() >= 4;
  });
  // The open transaction has a row in the first.
  CHECK(session.value("SELECT min(number) FROM turnwise.outside_segment") == "1");
  open.run("COMMIT");
  node->wait_until([&] {
    session.submit("a:8", "\"more\"");
    return session.value("SELECT min(number) > 2 FROM turnwise.outside_segment") == "t";
  });
  node.emplace(store, adjust); // the cursors tell what was in them
  std::size_t numbered = 0;
  std::size_t late = 0;
  for (const auto& payload : run_all(*node, 1s)) {
    late += payload == "\"open\"" ? 1 : 0;
    numbered += payload[0] != '"' ? 1 : 0;
    ran.insert(payload);
  }
  CHECK(late == 1);
  CHECK(numbered == 600);
  CHECK(ran.size() == 602);
}

TEST_CASE("of thousands of transactions exactly the committed ones run, once, while nodes come and go", "[postgres]") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  constexpr int sessions = 8;
  constexpr int transactions = 500;
  const TestDatabase database;
  const auto store = journal_in(database);
  std::vector<Committed> committed(sessions);
  std::atomic<int> playing{sessions};
  std::vector<std::jthread> threads;
  for (int i = 0; i < sessions; ++i) {
    threads.emplace_back([&, i] {
      committed[static_cast<std::size_t>(i)] = play(database, i, seed, transactions);
      --playing;
    });
  }
  Committed ran;
  std::size_t lives = 0;
  std::size_t count = 0;
  const auto adjust = [](auto& config) {
    config.segment_rows_max = 1'000; // so that cursors are carried
    config.idempotency_window = 0ms;
    config.journal_retention = std::chrono::seconds{0};
    config.outside = {.bytes_max = 64 << 10, .age_max = std::chrono::hours{1}, .grace = 100ms, .cursor_pause = 100ms};
  };
  for (bool is_over = false; !is_over; ++lives) {
    TestNode node(store, adjust);
    for (int round = 0; round < 15 && !is_over; ++round) {
      const bool all_committed = playing == 0;
      const auto grants = node.claim("work", 50, all_committed ? 1s : 50ms, std::chrono::hours{1});
      is_over = grants.empty() && all_committed;
      complete_all(node, grants);
      for (const auto& grant : grants) {
        CHECK(grant.attempt == model::Attempt{1});
        ran[grant.subject].push_back(grant.payload);
        ++count;
      }
    }
  }
  threads.clear();
  WARN("jobs " << count << ", lives of the node " << lives << ", segments of rows up to "
               << database.query("SELECT max(number) FROM turnwise.outside_segment"));
  CHECK(lives > 5);
  for (auto& [subject, payloads] : ran) {
    for (int i = 0; i < sessions; ++i) {
      CAPTURE(subject, i);
      CHECK(of_session(payloads, i) == committed[static_cast<std::size_t>(i)][subject]);
    }
  }
  for (const auto& session : committed) {
    for (const auto& [subject, payloads] : session) {
      CHECK((payloads.empty() || ran.contains(subject)));
    }
  }
}

} // namespace
} // namespace turnwise::tests
