// Repeating a call until the node has an answer. Safe for everything that may be repeated: reads, submits with idempotency
// keys, and a worker's word on its attempt.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "model/errors.hpp"

namespace turnwise::client {

/// Whether the same call may well succeed a moment later: the node is away, starting, full, or did not get to answer.
constexpr bool is_transient(model::Errc code) {
  return code == model::Errc::unavailable || code == model::Errc::outcome_unknown || code == model::Errc::backlog_full ||
         code == model::Errc::insufficient_storage;
}

/// Calls `fn`, which returns a model::Result, until it succeeds, fails for good, or `deadline` has passed.
/// @returns the last result. Waits 10 ms at first and up to 500 ms between calls.
template <class Fn>
auto with_retry(std::chrono::steady_clock::time_point deadline, Fn&& fn) -> decltype(fn()) {
  using std::chrono::milliseconds;
  milliseconds pause{10};
  for (;;) {
    auto result = fn();
    if (result.ok() || !is_transient(result.error().code))
      return result;
    if (std::chrono::steady_clock::now() + pause >= deadline)
      return result;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, milliseconds{500});
  }
}

} // namespace turnwise::client
