// What the courier is given, and what it brings back.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "app/handlers/handler.hpp"
#include "app/push/signature.hpp"
#include "model/strong.hpp"

namespace turnwise::push {

using std::chrono::milliseconds;

/// Where jobs of a kind go.
struct Target {
  std::string url;
  std::vector<Secret> secrets;                       ///< at most secrets_max
  milliseconds timeout{model::push_timeout_default}; ///< from looking up the host to the last byte of the answer
  friend bool operator==(const Target&, const Target&) = default;
};

/// One attempt of one job.
struct Delivery {
  std::shared_ptr<const Target> target;
  std::string job;
  std::string subject;
  std::string kind;
  std::string payload; ///< JSON text: the body
  std::string receipt;
  std::string traceparent; ///< or empty
  model::Attempt attempt;
  model::FencingToken fencing_token;
  milliseconds lease{};
};

/// The receiver will say what becomes of the attempt, through the API and with the receipt.
struct HandedOver {};
/// The receiver has no time now: the attempt is given back unused, for so long.
struct Later {
  milliseconds after{};
  std::string why;
};
/// Nobody wants jobs of this kind there any more.
struct Gone {
  std::string why;
};
using Outcome = std::variant<handlers::Success, handlers::RetryLater, handlers::GiveUp, HandedOver, Later, Gone>;

} // namespace turnwise::push
