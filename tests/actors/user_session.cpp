#include "tests/actors/user_session.hpp"

#include <algorithm>
#include <iterator>
#include <random>

namespace turnwise::tests {

Committed play(const TestDatabase& database, int number, unsigned seed, int transactions) {
  std::mt19937 random(seed + static_cast<unsigned>(number));
  const auto chance = [&](unsigned one_in) { return random() % one_in == 0; };
  UserSession session(database);
  Committed committed;
  for (int i = 0, job = 0; i < transactions; ++i) {
    std::vector<std::pair<std::string, std::string>> jobs;
    session.run("BEGIN");
    for (auto left = 1 + random() % 3; left > 0; --left) {
      const auto subject = "a:" + std::to_string(random() % 40);
      jobs.emplace_back(subject, fmt::format("\"{} {:06}\"", number, job++));
      session.submit(subject, jobs.back().second);
      if (chance(8)) {
        session.run(fmt::format("SELECT pg_sleep({})", chance(10) ? 0.3 : 0.005));
      }
    }
    const bool commits = !chance(4);
    session.run(commits ? "COMMIT" : "ROLLBACK");
    for (auto& [subject, payload] : commits ? jobs : decltype(jobs){}) {
      committed[subject].push_back(payload);
    }
  }
  return committed;
}

std::vector<std::string> of_session(const std::vector<std::string>& payloads, int number) {
  std::vector<std::string> found;
  std::copy_if(payloads.begin(), payloads.end(), std::back_inserter(found),
               [&](const auto& payload) { return payload.starts_with(fmt::format("\"{} ", number)); });
  return found;
}

} // namespace turnwise::tests
