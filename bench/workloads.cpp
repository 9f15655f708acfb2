#include "bench/workloads.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <unordered_map>

#include <fmt/core.h>

#include "app/client/wire.hpp"

namespace turnwise::bench {

using std::chrono::seconds;

namespace {

constexpr seconds limit{600}; ///< for each step of a workload
constexpr std::size_t bulk = 1'000;

Label make_label() {
  const auto id = fmt::format("{:08x}", std::random_device{}());
  return {"turnwise-bench", "bench:" + id + "-"};
}

/// Time and cost of one step, from its making to its end.
class Step {
public:
  Step(const Settings& settings, Measurements& out, std::string name)
      : settings_(settings), out_(out), name_(std::move(name)), before_(read_costs(settings.processes)), start_(Clock::now()) {}

  void end(std::uint64_t jobs) {
    const auto elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
    const auto after = read_costs(settings_.processes);
    out_.add(name_, "jobs/s", static_cast<double>(jobs) / elapsed);
    const auto cpu = [&](const char* whose, const Usage& from, const Usage& to) {
      out_.add(name_ + ": CPU of " + whose, "s per 1,000 jobs",
               (to.cpu_seconds - from.cpu_seconds) * 1'000 / static_cast<double>(jobs));
    };
    if (before_.node && after.node) {
      cpu("node", *before_.node, *after.node);
    }
    if (before_.postgres && after.postgres) {
      cpu("PostgreSQL", *before_.postgres, *after.postgres);
    }
    cpu("client", before_.client, after.client);
    if (after.node) {
      out_.add("peak memory of node", "MB", after.node->resident_peak_mb);
    }
  }

private:
  const Settings& settings_;
  Measurements& out_;
  std::string name_;
  Costs before_;
  Clock::time_point start_;
};

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

void expect_no_faults(const Checker& checker) {
  const auto faults = checker.faults();
  if (faults.empty()) {
    return;
  }
  std::string text = "wrong work:";
  for (const auto& fault : faults) {
    text += "\n  " + fault;
  }
  throw std::runtime_error{text};
}

void add_latencies(Measurements& out, const std::string& name, std::vector<double>& values) {
  for (const auto& [label, fraction] : {std::pair{"p50", 0.50}, {"p95", 0.95}, {"p99", 0.99}}) {
    out.add(name + " " + label, "ms", percentile(values, fraction));
  }
  out.add(name + " max", "ms", values.empty() ? 0 : values.back());
}

/// Everything that a measurement needs, in the order in which it must end.
struct Bench {
  explicit Bench(const Settings& settings, std::uint32_t subjects)
      : loop(settings.url), checker(subjects), label(make_label()) {
    expect_empty(loop);
  }

  void submit_in_bulk(std::vector<JobSource>& sources) {
    Submitters submitters{loop, label, checker, bulk};
    for (auto& source : sources) {
      submitters.add(source);
    }
    submitters.start();
    loop.run_until([&] { return submitters.done(); }, limit);
  }

  void drain(const WorkerSettings& settings) {
    Workers workers{loop, label, checker, settings};
    workers.start();
    loop.run_until([&] { return checker.all_done(); }, limit);
    expect_no_faults(checker);
  }

  Loop loop;
  Checker checker;
  Label label;
};

/// Bulk submits come over two connections, each with its own half of the subjects, so that the order within each is known.
std::vector<JobSource> halves(std::uint64_t jobs, std::uint32_t subjects) {
  if (subjects == 1) {
    return {JobSource::round_robin(jobs, 0, 1, 1)};
  }
  return {JobSource::round_robin(jobs / 2, 0, 2, subjects), JobSource::round_robin(jobs - jobs / 2, 1, 2, subjects)};
}

void submit(const Settings& settings, Measurements& out) {
  Bench bench{settings, settings.subjects};
  auto source = JobSource::round_robin(settings.jobs, 0, 1, settings.subjects);
  {
    Submitters submitters{bench.loop, bench.label, bench.checker, 1};
    for (unsigned i = 0; i < settings.submit_connections; ++i) {
      submitters.add(source);
    }
    Step step{settings, out, "durable single submits"};
    submitters.start();
    bench.loop.run_until([&] { return submitters.done(); }, limit);
    step.end(settings.jobs);
    add_latencies(out, "submit call", submitters.call_ms());
  }
  Step step{settings, out, "drain after single submits"};
  bench.drain(settings.workers);
  step.end(settings.jobs);
}

void overlap(const Settings& settings, Measurements& out) {
  Bench bench{settings, settings.subjects};
  auto sources = halves(settings.jobs, settings.subjects);
  Workers workers{bench.loop, bench.label, bench.checker, settings.workers};
  Submitters submitters{bench.loop, bench.label, bench.checker, bulk};
  for (auto& source : sources) {
    submitters.add(source);
  }
  Step step{settings, out, "end to end, bulk"};
  workers.start();
  submitters.start();
  bench.loop.run_until([&] { return submitters.done() && bench.checker.all_done(); }, limit);
  step.end(settings.jobs);
  expect_no_faults(bench.checker);
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

/// Submits at fixed points in time, whether or not earlier ones were answered: latencies count from the point in time at which
/// a job was due, so that a node that stalls cannot hide it.
class OpenLoop {
public:
  OpenLoop(const Settings& settings, Bench& bench)
      : settings_(settings),
        bench_(bench),
        random_(settings.seed),
        turns_(settings.subjects),
        in_flight_(settings.subjects),
        left_(std::uint64_t{settings.latency_seconds} * settings.latency_rate) {
    for (unsigned i = 0; i < settings.submit_connections * 4; ++i) {
      channels_.push_back(bench.loop.connect());
    }
  }

  void start() { schedule(Clock::now()); }
  [[nodiscard]] bool done() const { return left_ == 0 && answered_ == bench_.checker.submitted_count(); }
  void started(Place place) {
    const auto due = due_.extract(key(place));
    start_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - due.mapped()).count());
  }

  std::vector<double> call_ms;
  std::vector<double> start_ms;

private:
  static std::uint64_t key(Place place) { return (std::uint64_t{place.subject} << 32U) | place.turn; }

  void schedule(Clock::time_point due) {
    bench_.loop.at(due, [this, due] {
      submit_one(due);
      if (--left_ > 0) {
        schedule(due + std::chrono::nanoseconds{1'000'000'000 / settings_.latency_rate});
      }
    });
  }

  /// A subject whose last submit is not answered yet is not drawn: the order of the two would be open.
  std::uint32_t draw_subject() {
    for (;;) {
      const auto subject = static_cast<std::uint32_t>(random_() % turns_.size());
      if (!in_flight_[subject]) {
        return subject;
      }
    }
  }

  void submit_one(Clock::time_point due) {
    const auto channel = std::ranges::find_if(channels_, [](const auto& one) { return one->idle(); });
    if (channel == channels_.end()) {
      throw std::runtime_error{"the node falls behind: every connection waits for an answer"};
    }
    const auto subject = draw_subject();
    const Place place{subject, turns_[subject]++};
    in_flight_[subject] = true;
    due_[key(place)] = due;
    bench_.checker.submitted();
    (*channel)->post("/v1/jobs", client::wire::encode(make_job(bench_.label, place)), [this, due, subject](const Reply& reply) {
      expect_success(reply, "submit");
      call_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - due).count());
      in_flight_[subject] = false;
      ++answered_;
    });
  }

  const Settings& settings_;
  Bench& bench_;
  std::mt19937_64 random_;
  std::vector<std::uint32_t> turns_;
  std::vector<bool> in_flight_;
  std::uint64_t left_;
  std::uint64_t answered_{};
  std::vector<std::unique_ptr<Channel>> channels_;
  std::unordered_map<std::uint64_t, Clock::time_point> due_;
};

void latency(const Settings& settings, Measurements& out) {
  Bench bench{settings, settings.subjects};
  OpenLoop open{settings, bench};
  const WorkerSettings one_by_one{8, 10};
  Workers workers{bench.loop, bench.label, bench.checker, one_by_one, [&](Place place) { open.started(place); }};
  Step step{settings, out, "rate"};
  workers.start();
  open.start();
  bench.loop.run_until([&] { return open.done() && bench.checker.all_done(); }, limit);
  step.end(bench.checker.submitted_count());
  expect_no_faults(bench.checker);
  add_latencies(out, "submit call", open.call_ms);
  add_latencies(out, "submit → start", open.start_ms);
}

void memory(const Settings& settings, Measurements& out) {
  const auto subjects = settings.idle_subjects;
  Bench bench{settings, subjects};
  const auto before = read_costs(settings.processes);
  auto sources = halves(subjects, subjects);
  Workers workers{bench.loop, bench.label, bench.checker, settings.workers};
  Submitters submitters{bench.loop, bench.label, bench.checker, bulk};
  for (auto& source : sources) {
    submitters.add(source);
  }
  Step step{settings, out, "a job for each subject, end to end"};
  workers.start();
  submitters.start();
  bench.loop.run_until([&] { return submitters.done() && bench.checker.all_done(); }, seconds{1'800});
  step.end(subjects);
  expect_no_faults(bench.checker);

  bool rested{};
  bench.loop.at(Clock::now() + seconds{5}, [&] { rested = true; }); // idle actors are put away after a while
  bench.loop.run_until([&] { return rested; }, limit);
  const auto after = read_costs(settings.processes);
  if (!before.node || !after.node) {
    throw std::runtime_error{"whose memory? --node-pid"};
  }
  out.add("memory of node before", "MB", before.node->resident_mb);
  out.add("memory of node, all subjects idle", "MB", after.node->resident_mb);
  out.add("growth per idle subject", "bytes", (after.node->resident_mb - before.node->resident_mb) * 1'048'576 / subjects);
}

} // namespace

const std::vector<Workload>& all_workloads() {
  static const std::vector<Workload> workloads{
      {"submit", "durable single submits over 32 connections, then a drain", submit},
      {"overlap", "submitting in bulk and working at the same time", overlap},
      {"drain", "bulk submits first, then work", drain},
      {"hot", "one subject, a quarter of the jobs", hot},
      {"few", "50 subjects drawn at random, half of the jobs", few},
      {"latency", "an open loop at a fixed rate over random subjects", latency},
      {"memory", "a million subjects used once, then idle (needs --node-pid)", memory, 1},
  };
  return workloads;
}

} // namespace turnwise::bench
