// What a job may say of how it is tried, and a kind of all its jobs: the members max_attempts, backoff, on_failure, timeout and
// lease, read and written in one place.
#pragma once

#include "app/api/object_reader.hpp"
#include "app/api/requests.hpp"
#include "app/json/writer.hpp"
#include "model/policy.hpp"

namespace turnwise::api {

/// Members that are absent stay unset.
void read_options(ObjectReader& in, model::JobOptions& options, const RequestLimits& limits);
/// Those that are set; `out` is inside an object.
void write_options(json::Writer& out, const model::JobOptions& options);

} // namespace turnwise::api
