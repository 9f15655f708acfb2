// The workload `latency`.
#include <algorithm>
#include <random>
#include <stdexcept>
#include <unordered_map>

#include "app/client/wire.hpp"
#include "bench/measure.hpp"

namespace turnwise::bench {

namespace {

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
    // No more than subjects: whenever a connection is free, so is a subject.
    for (unsigned i = 0; i < std::min(settings.submit_connections * 4, settings.subjects); ++i) {
      channels_.push_back(bench.loop.connect());
    }
  }

  void start() { schedule(Clock::now()); }
  [[nodiscard]] bool done() const { return left_ == 0 && answered_ == bench_.checker.submitted_count(); }
  void started(Place place) {
    if (const auto due = due_.extract(key(place))) { // none: a repeated execution, which the checker counts
      start_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - due.mapped()).count());
    }
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
    bench_.checker.submitted(place);
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

} // namespace

void open_loop(const Settings& settings, Bench& bench, Measurements& out) {
  OpenLoop open{settings, bench};
  const WorkerSettings one_by_one{8, 10, {}};
  Workers workers{bench.loop, bench.label, bench.checker, one_by_one, [&](Place place) { open.started(place); }};
  Step step{settings, out, "rate"};
  workers.start();
  open.start();
  bench.loop.run_until([&] { return open.done() && bench.checker.all_done(); }, step_limit);
  step.end(bench.checker.submitted_count());
  bench.judge(out);
  add_latencies(out, "submit call", open.call_ms);
  add_latencies(out, "submit → start", open.start_ms);
}

void latency(const Settings& settings, Measurements& out) {
  Bench bench{settings, settings.subjects};
  open_loop(settings, bench, out);
}

} // namespace turnwise::bench
