#include "actors/metrics.hpp"

#include <caf/telemetry/collector/prometheus.hpp>

#include <algorithm>

namespace turnwise::actors {
namespace {

using caf::telemetry::metric_registry;

Metrics::Gauge& gauge(metric_registry& registry, const char* name, const char* help) {
  return *registry.gauge_singleton("turnwise", name, help);
}

Metrics::Counter& counter(metric_registry& registry, const char* name, const char* help) {
  return *registry.counter_singleton("turnwise", name, help, "1", true);
}

std::uint64_t value_of(const Metrics::Gauge& gauge) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(gauge.value(), 0));
}
std::uint64_t value_of(const Metrics::Counter& counter) {
  return static_cast<std::uint64_t>(counter.value());
}

} // namespace

Metrics::Metrics(metric_registry& registry)
    : jobs_open(gauge(registry, "jobs-open", "Jobs of this node's shards that are not final.")),
      jobs_running(gauge(registry, "jobs-running", "Jobs that a worker has the turn for.")),
      subjects_active(gauge(registry, "subjects-active", "Subjects with an actor.")),
      claims_waiting(gauge(registry, "claims-waiting", "Requests of workers that wait for a job.")),
      shards_owned(gauge(registry, "shards-owned", "Shards that this node owns and serves.")),
      journal_up(gauge(registry, "journal-up", "1 while PostgreSQL answers the beat.")),
      submitted(counter(registry, "jobs-submitted", "Jobs accepted.")),
      started(counter(registry, "attempts-started", "Attempts started.")),
      succeeded(counter(registry, "jobs-succeeded", "Jobs that succeeded.")),
      attempts_failed(counter(registry, "attempts-failed", "Attempts that failed, expired or timed out.")),
      parked(counter(registry, "jobs-parked", "Jobs parked.")),
      failed(counter(registry, "jobs-failed", "Jobs that failed for good.")),
      cancelled(counter(registry, "jobs-cancelled", "Jobs cancelled.")),
      batches(counter(registry, "journal-batches", "Transactions committed to the journal.")),
      rows(counter(registry, "journal-rows", "Records committed to the journal.")),
      fenced(counter(registry, "journal-fenced", "Transactions refused by the fence.")),
      unknown_outcomes(counter(registry, "journal-unknown-outcomes", "Commits whose answer was lost and had to be looked up.")),
      beats_failed(counter(registry, "beats-failed", "Beats that PostgreSQL did not answer.")) {}

Stats Metrics::stats() const {
  Stats stats;
  stats.jobs_open = value_of(jobs_open);
  stats.jobs_running = value_of(jobs_running);
  stats.subjects_active = value_of(subjects_active);
  stats.claims_waiting = value_of(claims_waiting);
  stats.submitted = value_of(submitted);
  stats.started = value_of(started);
  stats.succeeded = value_of(succeeded);
  stats.attempts_failed = value_of(attempts_failed);
  stats.parked = value_of(parked);
  stats.failed = value_of(failed);
  stats.cancelled = value_of(cancelled);
  stats.shards_owned = static_cast<std::uint32_t>(value_of(shards_owned));
  stats.batches = value_of(batches);
  stats.rows = value_of(rows);
  stats.fenced = value_of(fenced);
  stats.unknown_outcomes = value_of(unknown_outcomes);
  stats.journal_up = value_of(journal_up) != 0;
  return stats;
}

std::string prometheus_text(const metric_registry& registry) {
  caf::telemetry::collector::prometheus collector;
  const auto text = collector.collect_from(registry);
  return {text.data(), text.size()};
}

} // namespace turnwise::actors
