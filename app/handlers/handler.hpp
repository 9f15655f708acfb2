// Jobs run by a function: what a C++ program that links the library registers for a kind, and what the function is given.
//
//   handlers::InProcessKind{.kind = "update_head_pipeline", .handler = [](const handlers::JobContext& job) ->
//   handlers::HandlerResult {
//     if (!forge.reachable()) {
//       return handlers::RetryLater{.error = "the forge does not answer", .after = std::chrono::seconds(30)};
//     }
//     return handlers::Success{.result = R"({"pipeline":7})"};
//   }};
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include "model/clock.hpp"
#include "model/strong.hpp"

namespace turnwise::handlers {

/// One attempt of one job. Valid during the call.
struct JobContext {
  std::string job; ///< its id, as the API shows it
  std::string subject;
  std::string kind;
  std::string payload;     ///< JSON text
  std::string metadata;    ///< JSON text, or empty
  std::string traceparent; ///< the trace that the job belongs to (W3C Trace Context), or empty
  model::Attempt attempt;
  model::FencingToken fencing_token;       ///< grows with every turn of the subject: give it to your store
  std::optional<model::MonoTime> deadline; ///< when the attempt times out, if its kind has a timeout
  std::stop_token stop;                    ///< for std::stop_callback and waits that can be interrupted

  /// Whether the handler should end now: the job was cancelled, timed out or lost its lease, or the node stops. From any
  /// thread. After a lost lease another attempt may be running already.
  [[nodiscard]] bool cancelled() const { return stop.stop_requested(); }
};

/// The job is done.
struct Success {
  std::string result; ///< JSON text or empty; text that is no JSON is stored as a JSON string
};
/// The attempt failed; the job is tried again as its policy says.
struct RetryLater {
  std::string error;                                ///< plain text for people
  std::optional<std::chrono::milliseconds> after{}; ///< instead of the policy's backoff
};
/// The attempt failed, and another would fail as well: the job is out of attempts now.
struct GiveUp {
  std::string error; ///< plain text for people
};
using HandlerResult = std::variant<Success, RetryLater, GiveUp>;

/// Called on a thread of the runner, by as many threads at a time as the kind's concurrency says. May block. An exception
/// that leaves it counts as RetryLater with its what().
using Handler = std::function<HandlerResult(const JobContext&)>;

struct InProcessKind {
  std::string kind;
  Handler handler;
  std::uint32_t concurrency{1};         ///< jobs at a time
  std::chrono::milliseconds timeout{0}; ///< then the handler is asked to end, and the attempt fails; zero: none
};

} // namespace turnwise::handlers
