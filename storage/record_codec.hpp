// A record as a row of the journal, and back. The format is for ever: members are added, never renamed or given another
// meaning, and a reader passes over members it does not know. What is not there is not set.
//
//   event                       members of the detail column                                               payload column
//   submitted                   fingerprint (hex), options…, run_at, expires_at, metadata (JSON text),      payload
//                               traceparent
//   replaced                    fingerprint, options…, expires_at, metadata, traceparent                    payload
//   started                     attempt, nonce (uuid), worker, options… where they differ from unstated_policy
//   succeeded                   attempt                                                                     result
//   failed, expired, timed_out  attempt, next (a state), retry_at                                           error text
//   released                    attempt, retry_at
//   carried                     type (unless a job), since, state, due, expiry, attempt, failures, turn {nonce, worker, payload
//                               options… as of started, started_at, token, open (0 when it is not), cancel_requested},
//                               by, why, and what submitted has
//   held                        owner, ttl_ms
//   hold_prolonged              ttl_ms
//   paused, resumed             by, and of paused why
//   coalesced                   fingerprint
//   taken                       outside, of (an entry, or 0), why
//   outside_cursor              to, gaps [[first, last], …]
//   the others                  none: NULL
//
// options… are max_attempts, backoff {initial_ms, factor (in a string), max_ms, jitter}, on_failure, timeout_ms, lease_ms.
// Times are microseconds since 1970. submitted, replaced, coalesced and succeeded also have `outside` when they took over a row
// of a user's transaction. Such rows have the members of submitted, and delay_ms and coalesce (skip, once_more, replace).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/command.hpp"
#include "model/errors.hpp"
#include "model/record.hpp"
#include "model/strong.hpp"

namespace turnwise::storage {

/// The columns of a row that depend on the event. Views look into the record that was encoded; empty ones are NULL.
struct RecordColumns {
  std::int16_t event{};
  std::string_view subject;
  std::string_view kind;
  std::string_view key;
  std::string_view payload; ///< payload of submitted, replaced and carried, result of succeeded, error text of a failed attempt
  std::string detail;       ///< a JSON object, or empty for NULL
};

/// @param columns  overwritten; keep it from record to record to keep its buffer
void encode(const model::Record& record, RecordColumns& columns);

/// A row as a reader got it; empty texts stand for NULL.
struct StoredRow {
  std::uint64_t entry{};
  std::uint64_t sequence{};
  std::int64_t at_us{}; ///< since 1970
  std::int16_t event{};
  std::string_view subject;
  std::string_view kind;
  std::string_view key;
  std::string_view detail;
  std::string_view payload;
};

/// Errc::internal, with the number of the row, when this version cannot read it.
model::Result<model::Record> decode(const StoredRow& row);

/// A row that turnwise.submit() has left: `entry` and `event` mean nothing there.
model::Result<model::NewJob> decode_new_job(const StoredRow& row);

/// A row that turnwise.complete() has left: detail has attempt and nonce.
model::Result<model::Complete> decode_completion(const StoredRow& row);

/// Lets a later `replaced` record of a job take effect on what it was submitted with.
void apply_replaced(model::Submitted& job, model::Replaced replaced);

/// What a `started` record means by the members it leaves out: part of the format, whatever new kinds get by default.
inline constexpr model::Policy unstated_policy{
    .max_attempts = 10,
    .backoff = {.initial = std::chrono::seconds{1},
                .factor = 2.0,
                .max = std::chrono::minutes{10},
                .jitter = model::Jitter::full},
    .on_failure = model::OnFailure::park,
    .timeout = std::chrono::milliseconds{0},
    .lease = std::chrono::seconds{30},
};

} // namespace turnwise::storage
