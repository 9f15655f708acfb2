// The member `push` of a kind: where its jobs are POSTed to. Secrets go in and are told apart by an id afterwards; only one
// that was made here is shown, once.
#pragma once

#include "app/api/object_reader.hpp"
#include "app/api/requests.hpp"
#include "app/json/writer.hpp"
#include "model/kind.hpp"

namespace turnwise::api {

/// Sets `settings.push` and `secret` of the change when there is such a member.
void read_push(ObjectReader& in, model::PutKind& put, const RequestLimits& limits);
/// The member as it is set, without secrets; `out` is inside the settings.
void write_push(json::Writer& out, const model::KindSettings& settings);
/// What is known of its secrets; `out` is inside the kind.
void write_secrets(json::Writer& out, const model::KindSettings& settings);

} // namespace turnwise::api
