#include "actors/kind_metrics.hpp"

#include <caf/telemetry/metric_family_impl.hpp>

#include <array>
#include <string>

namespace turnwise::actors {
namespace {

using caf::telemetry::metric_registry;

/// A label's value as the Prometheus text has it: CAF writes it as it is.
std::string escaped(std::string_view kind) {
  std::string text;
  for (const char c : kind) {
    if (c == '"' || c == '\\') {
      text += '\\';
    }
    text += c;
  }
  return text;
}

KindMetrics::Counter& counter(metric_registry& registry, const char* name, const char* help, const std::string& kind) {
  return *registry.counter_family("turnwise", name, {"kind"}, help, "1", true)->get_or_add({{"kind", kind}});
}

KindMetrics::Gauge& gauge(metric_registry& registry, const char* name, const char* help, const std::string& kind) {
  return *registry.gauge_family("turnwise", name, {"kind"}, help)->get_or_add({{"kind", kind}});
}

/// From a commit to an hour: four buckets would blur, forty would cost.
KindMetrics::Histogram& histogram(metric_registry& registry, const char* name, const char* help, const std::string& kind) {
  static constexpr std::array bounds{0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 3600.0};
  const caf::span<const double> span{bounds.data(), bounds.size()};
  return *registry.histogram_family<double>("turnwise", name, {"kind"}, span, help, "seconds")->get_or_add({{"kind", kind}});
}

} // namespace

KindMetrics::KindMetrics(metric_registry& registry, std::string_view kind)
    : submitted(counter(registry, "kind-jobs-submitted", "Jobs accepted, by kind.", escaped(kind))),
      started(counter(registry, "kind-attempts-started", "Attempts started, by kind.", escaped(kind))),
      succeeded(counter(registry, "kind-jobs-succeeded", "Jobs that succeeded, by kind.", escaped(kind))),
      failed(counter(registry, "kind-attempts-failed", "Attempts that failed, expired or timed out, by kind.", escaped(kind))),
      parked(counter(registry, "kind-jobs-parked", "Jobs parked, by kind.", escaped(kind))),
      waiting(gauge(registry, "kind-jobs-waiting", "Jobs in their mailboxes that do not run, by kind.", escaped(kind))),
      running(gauge(registry, "kind-jobs-running", "Jobs that a worker has the turn for, by kind.", escaped(kind))),
      wait_seconds(
          histogram(registry, "kind-wait-time", "From when a job could start to when it did, by kind.", escaped(kind))),
      run_seconds(histogram(registry, "kind-run-time", "From the start of an attempt to its end, by kind.", escaped(kind))) {}

} // namespace turnwise::actors
