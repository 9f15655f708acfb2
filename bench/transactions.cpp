// The workload `transactions`: jobs that users' own transactions submit by SQL, while workers take them.
#include <future>
#include <stdexcept>

#include <pqxx/pqxx>

#include "bench/measure.hpp"

namespace turnwise::bench {

namespace {

constexpr std::size_t jobs_per_transaction = 10;

/// Submits all of the jobs over a connection of its own, in order.
void submit_by_sql(const std::string& connection_string, const std::vector<client::NewJob>& jobs) {
  pqxx::connection connection{connection_string};
  connection.prepare("submit", "SELECT turnwise.submit($1, $2, $3::jsonb)");
  for (std::size_t i = 0; i < jobs.size();) {
    pqxx::work transaction{connection};
    for (const auto end = std::min(i + jobs_per_transaction, jobs.size()); i < end; ++i) {
      transaction.exec(pqxx::prepped{"submit"}, pqxx::params{jobs[i].subject, jobs[i].kind, jobs[i].payload});
    }
    transaction.commit();
  }
}

} // namespace

void transactions(const Settings& settings, Measurements& out) {
  if (settings.postgres.empty()) {
    throw std::runtime_error{"transactions where? --postgres"};
  }
  Bench bench{settings, settings.subjects};
  std::vector<std::vector<client::NewJob>> jobs;
  for (auto& source : halves(settings.jobs, settings.subjects)) {
    auto& half = jobs.emplace_back();
    while (!source.empty()) {
      const auto place = source.next();
      bench.checker.submitted(place); // as good as: nobody looks before it is
      half.push_back(make_job(bench.label, place));
    }
  }
  Workers workers{bench.loop, bench.label, bench.checker, settings.workers};
  workers.start();
  Step step{settings, out, "end to end, transactions of 10 jobs over 2 connections"};
  std::vector<std::future<void>> sessions;
  for (const auto& half : jobs) {
    sessions.push_back(std::async(std::launch::async, submit_by_sql, std::cref(settings.postgres), std::cref(half)));
  }
  bench.loop.run_until([&] { return bench.checker.all_done(); }, step_limit);
  for (auto& session : sessions) {
    session.get();
  }
  step.end(settings.jobs);
  bench.judge(out);
}

} // namespace turnwise::bench
