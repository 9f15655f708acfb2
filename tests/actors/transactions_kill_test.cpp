// Users' transactions while the node that takes their jobs over is killed with -9, again and again.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <random>
#include <thread>

#include "tests/actors/harness.hpp"
#include "tests/actors/user_session.hpp"

namespace turnwise::tests {
namespace {

TEST_CASE("a node that takes over until it is killed", "[.]") {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::string connection = std::getenv("TURNWISE_CHILD_DATABASE");
  TestNode node(storage::open_postgres({.connection = connection}));
  pqxx::connection session{connection};
  pqxx::nontransaction{session}.exec("SELECT pg_sleep(120)");
}

pid_t start_node() {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    execl("/proc/self/exe", "test_actors", "a node that takes over until it is killed", nullptr);
    _exit(7);
  }
  return child;
}

/// The jobs that the journal has, by subject, in the order of their numbers.
Committed journaled(UserSession& session) {
  Committed jobs;
  for (const auto& [subject, payload] :
       session.pairs("SELECT subject, payload FROM turnwise.journal_1 WHERE event = 1 ORDER BY entry")) {
    jobs[subject].push_back(payload);
  }
  return jobs;
}

TEST_CASE("exactly the committed jobs are in the journal, once and in order, when the node is killed again and again",
          "[postgres]") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  constexpr int sessions = 6;
  const TestDatabase database;
  const auto store = journal_in(database);
  ::setenv("TURNWISE_CHILD_DATABASE", database.connection().c_str(), 1);
  std::vector<Committed> committed(sessions);
  std::atomic<int> playing{sessions};
  std::vector<std::jthread> threads;
  for (int i = 0; i < sessions; ++i) {
    threads.emplace_back([&, i] {
      committed[static_cast<std::size_t>(i)] = play(database, i, seed, 500);
      --playing;
    });
  }
  std::mt19937 random(seed);
  UserSession session(database);
  int lives = 0;
  for (; playing > 0; ++lives) {
    const pid_t child = start_node();
    session.run(fmt::format("SELECT pg_sleep({})", 0.5 + static_cast<double>(random() % 1'000) / 1'000));
    kill(child, SIGKILL);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)); // it had not ended before
  }
  threads.clear();

  TestNode node(store);
  std::size_t count = 0;
  for (const auto& of_one : committed) {
    for (const auto& [subject, payloads] : of_one) {
      count += payloads.size();
    }
  }
  session.submit("last:1", "\"the last\"");
  const auto rows = [&] { return session.value("SELECT count(*) FROM turnwise.journal_1 WHERE event = 1"); };
  node.wait_until([&] { return std::stoul(rows()) >= count + 1; });
  const auto jobs = journaled(session);
  WARN("jobs " << count << ", lives of the node " << lives);
  CHECK(std::stoul(rows()) == count + 1);
  for (int i = 0; i < sessions; ++i) {
    for (const auto& [subject, payloads] : committed[static_cast<std::size_t>(i)]) {
      CAPTURE(subject, i);
      REQUIRE(jobs.contains(subject));
      CHECK(of_session(jobs.at(subject), i) == payloads);
    }
  }
}

} // namespace
} // namespace turnwise::tests
