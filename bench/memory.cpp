// The workload `memory`: what a node keeps of subjects that were used once.
#include "bench/measure.hpp"

namespace turnwise::bench {

using std::chrono::seconds;

namespace {

constexpr seconds rest{5}; ///< idle actors are put away after a while, and freed memory given back

} // namespace

void memory(const Settings& settings, Measurements& out) {
  const double before_mb = warmed_up_mb(settings, rest);
  const auto subjects = settings.idle_subjects;
  Bench bench{settings, subjects};
  auto sources = halves(subjects, subjects);
  Step step{settings, out, "a job for each subject, end to end"};
  bench.submit_and_drain(sources, settings.workers, seconds{1'800});
  step.end(subjects);
  bench.judge(out);
  const auto after_mb = resident_after_mb(bench, settings, rest);
  out.add("memory of node before, warmed up", "MB", before_mb);
  out.add("memory of node, all subjects idle", "MB", after_mb);
  out.add("growth per idle subject", "bytes", (after_mb - before_mb) * 1'048'576 / subjects);
}

} // namespace turnwise::bench
