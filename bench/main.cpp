// turnwise-bench: measures a node that is running already. bench/run starts one for it; bench/README.md says how to read it.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "app/client/client.hpp"
#include "bench/workloads.hpp"

namespace {

using namespace turnwise::bench;

std::string list_of_workloads() {
  std::string text = "workloads (all but crash-* and backlog* when none is named; they run in this order):\n";
  for (const auto& workload : all_workloads()) {
    text += fmt::format("  {:<14} {}\n", workload.name, workload.text);
  }
  return text;
}

std::vector<const Workload*> choose(const std::vector<std::string>& names) {
  std::vector<const Workload*> chosen;
  for (const auto& workload : all_workloads()) {
    if (names.empty() ? workload.chosen == Workload::Chosen::by_default
                      : std::ranges::find(names, workload.name) != names.end()) {
      chosen.push_back(&workload);
    }
  }
  return chosen;
}

/// A node that was just started has to load its shards first. Throws std::runtime_error when it is not ready in time.
void wait_until_ready(const std::string& url, unsigned seconds_max) {
  auto client = turnwise::client::Client::open(url);
  if (!client) {
    throw std::runtime_error{client.error().detail};
  }
  const auto end = Clock::now() + std::chrono::seconds{seconds_max};
  while (!client->ready()) {
    if (Clock::now() > end) {
      throw std::runtime_error{"no node is ready at " + url};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
}

/// Runs are interleaved: what disturbs the machine for a while then disturbs every workload a little.
std::vector<Report> measure(const std::vector<const Workload*>& workloads, const Settings& settings, unsigned runs) {
  std::vector<Report> reports;
  for (const auto* workload : workloads) {
    reports.push_back({workload->name, {}});
  }
  for (unsigned run = 1; run <= runs; ++run) {
    for (std::size_t i = 0; i < workloads.size(); ++i) {
      if (run > workloads[i]->runs_max) {
        continue;
      }
      fmt::print(stderr, "run {} of {}: {}\n", run, std::min(runs, workloads[i]->runs_max), workloads[i]->name);
      workloads[i]->run(settings, reports[i].measurements);
    }
  }
  return reports;
}

} // namespace

int main(int argc, char** argv) {
  Settings settings;
  std::vector<std::string> names;
  unsigned runs = 5;
  unsigned ready_within = 10;
  bool json = false;
  CLI::App app{"Measures a Turnwise node over HTTP. Every figure comes with a check of order, overlap and loss."};
  app.footer(list_of_workloads());
  std::vector<std::string> known;
  for (const auto& workload : all_workloads()) {
    known.emplace_back(workload.name);
  }
  app.add_option("WORKLOAD", names)->check(CLI::IsMember(known));
  app.add_option("--url", settings.url)->capture_default_str();
  app.add_option("--runs", runs)->check(CLI::Range(1, 1'000))->capture_default_str();
  app.add_option("--jobs", settings.jobs, "jobs per run")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--subjects", settings.subjects)->check(CLI::Range(100, 10'000'000))->capture_default_str();
  app.add_option("--idle-subjects", settings.idle_subjects, "of the workload memory")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--scheduled-jobs", settings.scheduled_jobs, "of the workload scheduled")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--backlog-jobs", settings.backlog_jobs, "of the workload backlog")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--backlog-subjects", settings.backlog_subjects, "of the workload backlog")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--connections", settings.submit_connections, "that submit singly")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  app.add_option("--workers", settings.workers.connections, "connections that claim")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  app.add_option("--claim-max", settings.workers.claim_max, "jobs per claim")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--rate", settings.latency_rate, "of the workload latency, jobs per second")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seconds", settings.latency_seconds, "of the workload latency")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", settings.seed, "of what is drawn at random")->capture_default_str();
  app.add_option("--node-pid", settings.processes.node, "the node, to count its CPU time and memory");
  app.add_option("--postgres-pid", settings.processes.postgres, "PostgreSQL, when the node did not start it");
  app.add_option("--postgres", settings.postgres,
                 "of the workload limit: a libpq connection string (no URI) for a scratch database");
  app.add_option("--restarted-at", settings.restarted_at, "of crash-recover and backlog-reload, seconds of the Unix epoch");
  app.add_option("--ready-within", ready_within, "seconds to wait for the node")->capture_default_str();
  app.add_flag("--json", json, "every value, for programs");
  CLI11_PARSE(app, argc, argv);
  if (settings.subjects < settings.submit_connections) {
    fmt::print(stderr, "turnwise-bench: fewer --subjects than --connections: submits of one subject would overlap, and their "
                       "order be open\n");
    return 2;
  }
  try {
    if (settings.restarted_at == 0) {
      wait_until_ready(settings.url, ready_within);
    }
    auto reports = measure(choose(names), settings, runs);
    if (const auto costs = read_costs(settings.processes); costs.node) {
      // Of its whole life, so it belongs to no workload.
      reports.push_back({"node_peak", {}});
      reports.back().measurements.add("most memory that the node ever had", "MB", costs.node->resident_peak_mb);
    }
    std::fputs((json ? as_json(reports) : as_table(reports)).c_str(), stdout);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "turnwise-bench: {}\n", error.what());
    return 1;
  }
}
