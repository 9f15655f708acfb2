// What is said to a node and what it answers, as plain values; docs of the HTTP API describe every member. JSON inside them
// (payload, result, metadata) is text.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/clock.hpp"
#include "model/errors.hpp"
#include "model/policy.hpp"
#include "model/record.hpp"

namespace turnwise::client {

using std::chrono::milliseconds;

struct NewJob {
  std::string subject;
  std::string kind;
  std::string payload;         ///< JSON text; empty: null
  std::string metadata;        ///< JSON text, or empty
  std::string idempotency_key; ///< makes a repeated submit harmless; empty: none
  std::optional<milliseconds> delay;
  std::string coalesce; ///< "skip", "once_more", "replace", or empty
  model::JobOptions options;
  std::optional<model::WallTime> run_at{}; ///< a moment of the node's clock, instead of `delay`
  std::string traceparent{};               ///< the trace that the job belongs to (W3C Trace Context), or empty
};

struct Submitted {
  std::string id;
  std::uint64_t sequence{};
  std::uint64_t position{};
  std::string state;
  std::string disposition; ///< accepted, duplicate, coalesced, replaced
};

/// What a worker says about one attempt.
struct Answer {
  enum class Outcome : std::uint8_t { complete, fail, release };
  std::string receipt;
  Outcome outcome{};
  std::string result; ///< of complete: JSON text, or empty
  std::string error;  ///< of fail
  bool retry{true};   ///< of fail: false when another attempt cannot help
  std::optional<milliseconds> retry_after;
};

struct Failure {
  std::string error;
  bool retry{true};
  std::optional<milliseconds> retry_after;
};

struct ClaimRequest {
  std::string worker;
  std::vector<std::string> kinds;
  std::uint32_t max{1};
  std::optional<milliseconds> lease; ///< instead of the job's own
  milliseconds wait{0};
  std::vector<Answer> results;
  std::vector<std::string> extend; ///< receipts of work that goes on
};

/// The right to one attempt.
struct Grant {
  std::string receipt;
  std::string job;
  std::string subject;
  std::string kind;
  std::string payload;     ///< JSON text
  std::string traceparent; ///< as in NewJob
  std::uint32_t attempt{};
  std::uint64_t fencing_token{};
  milliseconds lease{};
  std::chrono::steady_clock::time_point deadline; ///< by this process's clock: when the lease ends unless extended
};

/// The outcome that now stands for an attempt.
struct Settled {
  std::string state;
};

struct Extended {
  milliseconds lease{};
  bool cancel{}; ///< somebody asked the job to stop
  bool drain{};  ///< the node is about to end
};

struct Claimed {
  std::optional<model::Error> refused; ///< no work could be given, for this reason; the results were taken all the same
  bool drain{};                        ///< the node is about to end: give back what has not begun, and claim elsewhere
  std::vector<Grant> grants;
  std::vector<model::Result<Settled>> results;   ///< for each of the request's results, in order
  std::vector<model::Result<Extended>> extended; ///< for each receipt to extend, in order
};

struct Job {
  std::string id;
  std::string subject;
  std::string kind;
  std::string state;
  std::uint32_t attempt{};
  std::string error; ///< why a failed or parked one is so, as its last attempt said
  std::string text;  ///< the whole answer, JSON
  [[nodiscard]] bool final() const { return state == "succeeded" || state == "failed" || state == "cancelled"; }
};

struct Stats {
  std::uint64_t jobs_open{};
  std::uint64_t jobs_running{};
  std::string text; ///< the whole answer, JSON
};

} // namespace turnwise::client
