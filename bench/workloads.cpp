#include "bench/workloads.hpp"

#include <algorithm>

#include "bench/measure.hpp"

namespace turnwise::bench {

namespace {

void submit(const Settings& settings, Measurements& out) {
  Bench bench{settings, settings.subjects};
  // Each connection has subjects of its own: two submits of one subject at once would have no order to check.
  const auto connections = settings.submit_connections;
  std::vector<JobSource> sources;
  for (unsigned i = 0; i < connections; ++i) {
    const auto jobs = settings.jobs / connections + (i < settings.jobs % connections ? 1 : 0);
    sources.push_back(JobSource::round_robin(jobs, i, connections, settings.subjects));
  }
  {
    Submitters submitters{bench.loop, bench.label, bench.checker, 1};
    for (auto& source : sources) {
      submitters.add(source);
    }
    Step step{settings, out, "durable single submits"};
    submitters.start();
    bench.loop.run_until([&] { return submitters.done(); }, step_limit);
    step.end(settings.jobs);
    add_latencies(out, "submit call", submitters.call_ms());
  }
  Step step{settings, out, "drain after single submits"};
  bench.drain(settings.workers);
  step.end(settings.jobs);
  bench.judge(out);
}

void overlap(const Settings& settings, Measurements& out) {
  Bench bench{settings, settings.subjects};
  auto sources = halves(settings.jobs, settings.subjects);
  Step step{settings, out, "end to end, bulk"};
  bench.submit_and_drain(sources, settings.workers, step_limit);
  step.end(settings.jobs);
  bench.judge(out);
}

void submit_then_drain(const Settings& settings, Measurements& out, std::vector<JobSource> sources, std::uint64_t jobs,
                       std::uint32_t subjects) {
  Bench bench{settings, subjects};
  {
    Step step{settings, out, "bulk submits"};
    bench.submit_in_bulk(sources);
    step.end(jobs);
  }
  Step step{settings, out, "drain"};
  bench.drain(settings.workers);
  step.end(jobs);
  bench.judge(out);
}

void drain(const Settings& settings, Measurements& out) {
  submit_then_drain(settings, out, halves(settings.jobs, settings.subjects), settings.jobs, settings.subjects);
}

void hot(const Settings& settings, Measurements& out) {
  const auto jobs = std::max<std::uint64_t>(settings.jobs / 4, 1);
  submit_then_drain(settings, out, halves(jobs, 1), jobs, 1);
}

void few(const Settings& settings, Measurements& out) {
  const auto jobs = std::max<std::uint64_t>(settings.jobs / 2, 1);
  const std::uint32_t subjects = 50;
  submit_then_drain(settings, out, {JobSource::random(jobs, subjects, settings.seed)}, jobs, subjects);
}

/// Not for speed: jobs run for a while, so that two at once for one subject cannot hide in the time that answers take.
void turns(const Settings& settings, Measurements& out) {
  const std::uint64_t jobs = 2'000;
  const std::uint32_t subjects = 50;
  Bench bench{settings, subjects};
  std::vector<JobSource> sources{JobSource::random(jobs, subjects, settings.seed)};
  bench.submit_in_bulk(sources);
  bench.drain({8, 10, std::chrono::milliseconds{5}});
  bench.judge(out);
}

} // namespace

const std::vector<Workload>& all_workloads() {
  constexpr auto by_name = Workload::Chosen::by_name;
  static const std::vector<Workload> workloads{
      {"memory", "a million subjects used once, then idle; runs first (needs --node-pid)", memory, 1},
      {"turns", "no figures: jobs that run for 5 ms, to see that each is alone", turns, 1},
      {"submit", "durable single submits over 32 connections, then a drain", submit},
      {"overlap", "submitting in bulk and working at the same time", overlap},
      {"drain", "bulk submits first, then work", drain},
      {"hot", "one subject, a quarter of the jobs", hot},
      {"few", "50 subjects drawn at random, half of the jobs", few},
      {"latency", "an open loop at a fixed rate over random subjects", latency},
      {"holds", "turns for outside code, taken and given back", holds},
      {"scheduled", "100,000 jobs that become due at the same moment", scheduled, 1},
      {"limit", "the journal's rows of `overlap` written by nobody but a writer (needs --postgres)", journal_limit},
      {"crash-fill", "bulk submits for `bench/run crash`, and no work", crash_fill, 1, by_name},
      {"crash-recover", "what `bench/run crash` measures after kill -9", crash_recover, 1, by_name},
      {"backlog", "jobs that wait, and the latency of others beside them; for `bench/run backlog`", backlog, 1, by_name},
      {"backlog-reload", "what `bench/run backlog` measures after kill -9", backlog_reload, 1, by_name},
  };
  return workloads;
}

} // namespace turnwise::bench
