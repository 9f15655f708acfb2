// What a node counts per kind. Kinds are many and a series costs whoever scrapes it, so the first kinds that a node sees get
// series of their own and the rest share one.
#pragma once

#include <caf/telemetry/counter.hpp>
#include <caf/telemetry/gauge.hpp>
#include <caf/telemetry/histogram.hpp>
#include <caf/telemetry/metric_registry.hpp>

#include <cstddef>
#include <string_view>

namespace turnwise::actors {

/// Kinds with series of their own; all others count as the kind "other".
inline constexpr std::size_t kind_series_max = 100;

/// Handles into the registry, which must outlive them. Thread-safe. Several kinds may have the same.
struct KindMetrics {
  using Counter = caf::telemetry::int_counter;
  using Gauge = caf::telemetry::int_gauge;
  using Histogram = caf::telemetry::dbl_histogram;

  KindMetrics(caf::telemetry::metric_registry& registry, std::string_view kind);

  Counter &submitted, &started, &succeeded, &failed, &parked;
  Gauge &waiting, &running; ///< set when they are asked for
  Histogram &wait_seconds, &run_seconds;
};

} // namespace turnwise::actors
