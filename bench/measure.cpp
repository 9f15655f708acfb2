#include "bench/measure.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fmt/core.h>

#include "app/client/wire.hpp"

namespace turnwise::bench {

using std::chrono::seconds;

namespace {

Label make_label() {
  const auto id = fmt::format("{:08x}", std::random_device{}());
  return {"turnwise-bench", "bench:" + id + "-"};
}

void expect_empty(Loop& loop) {
  const auto channel = loop.connect();
  bool answered{};
  channel->get("/v1/stats", [&](const Reply& reply) {
    expect_success(reply, "stats");
    const auto stats = client::wire::decode_stats(reply.body);
    if (!stats || stats->jobs_open != 0) {
      throw std::runtime_error{"the node has open jobs: figures would be worth nothing"};
    }
    answered = true;
  });
  loop.run_until([&] { return answered; }, seconds{10});
}

} // namespace

Step::Step(const Settings& settings, Measurements& out, std::string name)
    : settings_(settings), out_(out), name_(std::move(name)), before_(read_costs(settings.processes)), start_(Clock::now()) {}

void Step::end(std::uint64_t jobs) {
  const auto elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  const auto after = read_costs(settings_.processes);
  out_.add(name_, "jobs/s", static_cast<double>(jobs) / elapsed);
  const auto cpu = [&](const char* whose, const Usage& from, const Usage& to) {
    out_.add(name_ + ": CPU of " + whose, "µs per job", (to.cpu_seconds - from.cpu_seconds) * 1e6 / static_cast<double>(jobs));
  };
  if (before_.node && after.node) {
    cpu("node", *before_.node, *after.node);
  }
  if (before_.postgres && after.postgres) {
    cpu("PostgreSQL", *before_.postgres, *after.postgres);
  }
  cpu("client", before_.client, after.client);
  if (before_.node && after.node && before_.postgres && after.postgres) {
    // With others on the machine a figure says little: so it says how much they took.
    const auto ours = [](const Costs& costs) {
      return costs.node->cpu_seconds + costs.postgres->cpu_seconds + costs.client.cpu_seconds;
    };
    const auto others = after.machine_cpu_seconds - before_.machine_cpu_seconds - (ours(after) - ours(before_));
    out_.add(name_ + ": CPU of anybody else", "% of machine",
             std::max(0.0, others) * 100 / elapsed / std::thread::hardware_concurrency());
  }
}

Bench::Bench(const Settings& settings, std::uint32_t subjects, Node node)
    : loop(settings.url), checker(subjects), label(make_label()) {
  if (node == Node::is_empty) {
    expect_empty(loop);
  }
}

void Bench::submit_in_bulk(std::vector<JobSource>& sources, seconds limit) {
  Submitters submitters{loop, label, checker, bulk};
  for (auto& source : sources) {
    submitters.add(source);
  }
  submitters.start();
  loop.run_until([&] { return submitters.done(); }, limit);
}

void Bench::drain(const WorkerSettings& settings) {
  Workers workers{loop, label, checker, settings};
  workers.start();
  loop.run_until([&] { return checker.all_done(); }, step_limit);
}

void Bench::submit_and_drain(std::vector<JobSource>& sources, const WorkerSettings& settings, seconds limit) {
  Workers workers{loop, label, checker, settings};
  Submitters submitters{loop, label, checker, bulk};
  for (auto& source : sources) {
    submitters.add(source);
  }
  workers.start();
  submitters.start();
  loop.run_until([&] { return submitters.done() && checker.all_done(); }, limit);
}

void Bench::judge(Measurements& out) const {
  const auto faults = checker.faults();
  if (faults.empty()) {
    return out.add("repeated executions", "jobs", static_cast<double>(checker.repeated()));
  }
  std::string text = "wrong work:";
  for (const auto& fault : faults) {
    text += "\n  " + fault;
  }
  throw std::runtime_error{text};
}

void Bench::rest(seconds duration) {
  bool rested{};
  loop.at(Clock::now() + duration, [&] { rested = true; });
  loop.run_until([&] { return rested; }, step_limit);
}

std::vector<JobSource> halves(std::uint64_t jobs, std::uint32_t subjects) {
  if (subjects == 1) {
    return {JobSource::round_robin(jobs, 0, 1, 1)};
  }
  return {JobSource::round_robin(jobs / 2, 0, 2, subjects), JobSource::round_robin(jobs - jobs / 2, 1, 2, subjects)};
}

double resident_after_mb(Bench& bench, const Settings& settings, seconds rest) {
  bench.rest(rest);
  const auto costs = read_costs(settings.processes);
  if (!costs.node) {
    throw std::runtime_error{"whose memory? --node-pid"};
  }
  return costs.node->resident_mb;
}

double warmed_up_mb(const Settings& settings, seconds rest) {
  constexpr std::uint64_t jobs = 20'000;
  constexpr std::uint32_t subjects = 1'000;
  Bench bench{settings, subjects};
  auto sources = halves(jobs, subjects);
  bench.submit_and_drain(sources, settings.workers, step_limit);
  return resident_after_mb(bench, settings, rest);
}

std::unique_ptr<client::Client> open_client(const Settings& settings) {
  auto client = client::Client::open(settings.url);
  if (!client) {
    throw std::runtime_error{client.error().detail};
  }
  return std::make_unique<client::Client>(std::move(client).value());
}

double seconds_since(double unix_seconds) {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count() - unix_seconds;
}

void insist(const std::function<bool()>& answered) {
  for (const auto end = Clock::now() + step_limit; !answered(); std::this_thread::sleep_for(std::chrono::milliseconds{2})) {
    if (Clock::now() > end) {
      throw std::runtime_error{"the node has not come back"};
    }
  }
}

void add_latencies(Measurements& out, const std::string& name, std::vector<double>& values) {
  for (const auto& [label, fraction] : {std::pair{"p50", 0.50}, {"p95", 0.95}, {"p99", 0.99}}) {
    out.add(name + " " + label, "ms", percentile(values, fraction));
  }
  out.add(name + " max", "ms", values.empty() ? 0 : values.back());
}

} // namespace turnwise::bench
