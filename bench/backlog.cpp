// The workloads `backlog` and `backlog-reload`: what a node needs for jobs that wait, whether others notice them, and how long
// it takes to have them again. bench/run kills the node with -9 between the two.
#include <stdexcept>

#include "bench/measure.hpp"

namespace turnwise::bench {

namespace {

using std::chrono::seconds;

constexpr seconds rest{5}; ///< mailboxes are packed after a while
constexpr seconds fill_limit{1'800};

} // namespace

void backlog(const Settings& settings, Measurements& out) {
  const double before_mb = warmed_up_mb(settings, rest);
  Bench waiting{settings, settings.backlog_subjects};
  auto sources = halves(settings.backlog_jobs, settings.backlog_subjects);
  Step step{settings, out, "bulk submits"};
  waiting.submit_in_bulk(sources, fill_limit);
  step.end(settings.backlog_jobs);
  const auto after_mb = resident_after_mb(waiting, settings, rest);
  out.add("memory of node before, warmed up", "MB", before_mb);
  out.add("memory of node, with the backlog", "MB", after_mb);
  out.add("memory per waiting job", "bytes", (after_mb - before_mb) * 1'048'576 / static_cast<double>(settings.backlog_jobs));

  Bench others{settings, settings.subjects, Bench::Node::has_jobs};
  others.label.kind = "turnwise-bench-others";
  open_loop(settings, others, out);
}

void backlog_reload(const Settings& settings, Measurements& out) {
  const auto client = open_client(settings);
  insist([&] { return client->ready(); });
  out.add("all shards loaded after", "s", seconds_since(settings.restarted_at));
  Bench bench{settings, 1, Bench::Node::has_jobs};
  out.add("memory of node, loaded again", "MB", resident_after_mb(bench, settings, rest));
}

} // namespace turnwise::bench
