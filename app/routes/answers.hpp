// From an engine's answer to the response of a call.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "model/command.hpp"
#include "model/job_story.hpp"

namespace turnwise::routes {

/// What it means that no answer came in time.
enum class Effect { read, write };

inline model::Error no_answer(Effect effect) {
  if (effect == Effect::write) {
    return {
        model::Errc::outcome_unknown,
        "no answer came in time, and the request may have been carried out: ask again with the same idempotency key or receipt",
        ""};
  }
  return {model::Errc::unavailable, "no answer came in time: try again", ""};
}

/// The answer as the type that the call expects, or the error that came instead.
template <class Expected>
model::Result<Expected> expect(std::optional<model::Response> answer, Effect effect) {
  if (!answer) {
    return no_answer(effect);
  }
  if (auto* expected = std::get_if<Expected>(&*answer)) {
    return std::move(*expected);
  }
  if (auto* error = std::get_if<model::Error>(&*answer)) {
    return std::move(*error);
  }
  return model::Error{model::Errc::internal, "the engine gave an answer to another question", ""};
}

} // namespace turnwise::routes
