// What reaches the thread of a runner from other threads: answers of the engine, ends of commands and functions.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "actors/engine.hpp"
#include "app/handlers/command.hpp"
#include "app/handlers/handler.hpp"
#include "app/handlers/push_kind.hpp"
#include "model/command.hpp"

namespace turnwise::handlers {

/// Numbers the attempts of one runner.
using AttemptNumber = model::Strong<struct AttemptNumberTag, std::uint64_t>;

struct Claimed {
  std::size_t kind{};    ///< index of the kind that was claimed for
  std::uint64_t claim{}; ///< which claim of the runner this answers
  std::vector<model::Grant> grants;
  std::chrono::milliseconds waited{};
};
struct ClaimRefused {
  std::size_t kind{};
  std::uint64_t claim{};
  model::Error error;
};
/// The engine's answer to something that was said about an attempt.
struct Answered {
  AttemptNumber attempt;
  actors::Answer::Verb verb{};
  model::MonoTime sent;
  model::Response response;
};
struct CommandEnded {
  AttemptNumber attempt;
  CommandEnd end;
};
struct HandlerEnded {
  AttemptNumber attempt;
  HandlerResult result;
};
struct PushEnded {
  AttemptNumber attempt;
  push::Outcome outcome;
};
/// These kinds are pushed, and no others.
struct PushKindsSet {
  std::vector<PushKind> kinds;
};
struct StopAsked {
  model::MonoTime patience_end;
};
using RunnerEvent =
    std::variant<Claimed, ClaimRefused, Answered, CommandEnded, HandlerEnded, PushEnded, PushKindsSet, StopAsked>;

/// Thread-safe. Holds at most what the runner asked for: an event per claim, answer and attempt under way.
class RunnerInbox {
public:
  /// Drops the event when nobody reads any more.
  void push(RunnerEvent event) {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      events_.push_back(std::move(event));
      changed_.notify_one();
    }
  }

  /// All events so far; empty when none has come by `end`.
  std::vector<RunnerEvent> take_until(model::MonoTime end) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, end, [&] { return !events_.empty(); });
    return std::exchange(events_, {});
  }

  /// Later events are dropped. @returns those that nobody has read
  std::vector<RunnerEvent> close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    return std::exchange(events_, {});
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<RunnerEvent> events_;
  bool closed_{};
};

} // namespace turnwise::handlers
