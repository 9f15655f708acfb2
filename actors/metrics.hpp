// What a node counts, all in CAF's metric registry: metrics.cpp has the names and the help texts.
#pragma once

#include <caf/telemetry/counter.hpp>
#include <caf/telemetry/gauge.hpp>
#include <caf/telemetry/metric_registry.hpp>

#include <cstdint>
#include <string>

#include "actors/engine.hpp"

namespace turnwise::actors {

/// Handles into the registry, which must outlive them. Thread-safe.
struct Metrics {
  using Counter = caf::telemetry::int_counter;
  using Gauge = caf::telemetry::int_gauge;

  explicit Metrics(caf::telemetry::metric_registry& registry);

  Gauge &jobs_open, &jobs_running, &subjects_active, &claims_waiting, &shards_owned, &journal_up;
  Counter &submitted, &started, &succeeded, &attempts_failed, &parked, &failed, &cancelled;
  Counter &batches, &rows, &fenced, &unknown_outcomes, &beats_failed;

  [[nodiscard]] Stats stats() const;
};

/// All metrics of the registry as Prometheus text, version 0.0.4.
std::string prometheus_text(const caf::telemetry::metric_registry& registry);

} // namespace turnwise::actors
