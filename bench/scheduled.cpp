// The workload `scheduled`: many jobs that all become due at the same moment.
#include <algorithm>
#include <stdexcept>

#include "bench/measure.hpp"

namespace turnwise::bench {

using std::chrono::seconds;

namespace {

constexpr seconds time_to_submit{10};

} // namespace

void scheduled(const Settings& settings, Measurements& out) {
  const auto subjects = static_cast<std::uint32_t>(std::max<std::uint64_t>(settings.scheduled_jobs / 10, 1));
  Bench bench{settings, subjects};
  const auto due = Clock::now() + time_to_submit;
  bench.label.due = std::chrono::floor<model::microseconds>(std::chrono::system_clock::now()) + time_to_submit;
  auto sources = halves(settings.scheduled_jobs, subjects);
  {
    Step step{settings, out, "bulk submits of scheduled jobs"};
    bench.submit_in_bulk(sources);
    step.end(settings.scheduled_jobs);
  }
  if (Clock::now() > due) {
    throw std::runtime_error{"the submits took so long that the first jobs are due"};
  }
  double first_ms = -1;
  const auto note_first = [&](Place) {
    if (first_ms < 0) {
      first_ms = std::chrono::duration<double, std::milli>(Clock::now() - due).count();
    }
  };
  Workers workers{bench.loop, bench.label, bench.checker, settings.workers, note_first};
  workers.start();
  bench.rest(std::chrono::ceil<seconds>(due - Clock::now()) - seconds{1});
  if (first_ms >= 0) { // a second early: node and client share a clock only about
    throw std::runtime_error{"wrong work: a job started before it was due"};
  }
  bench.loop.run_until([&] { return Clock::now() >= due; }, step_limit);
  Step step{settings, out, "work, from the moment at which all are due"};
  bench.loop.run_until([&] { return bench.checker.all_done(); }, step_limit);
  step.end(settings.scheduled_jobs);
  bench.judge(out);
  out.add("due → first start", "ms", first_ms);
}

} // namespace turnwise::bench
