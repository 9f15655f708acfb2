// The words that the journal's format has for the choices of a policy.
#pragma once

#include <optional>
#include <string_view>

#include "model/policy.hpp"

namespace turnwise::storage {

constexpr std::string_view word_of(model::OnFailure choice) {
  switch (choice) {
  case model::OnFailure::park:
    return "park";
  case model::OnFailure::halt:
    return "halt";
  case model::OnFailure::discard:
    return "discard";
  }
  return "";
}

constexpr std::string_view word_of(model::Jitter choice) {
  switch (choice) {
  case model::Jitter::full:
    return "full";
  case model::Jitter::none:
    return "none";
  }
  return "";
}

constexpr std::optional<model::OnFailure> on_failure_of(std::string_view word) {
  for (const auto choice : {model::OnFailure::park, model::OnFailure::halt, model::OnFailure::discard}) {
    if (word == word_of(choice)) {
      return choice;
    }
  }
  return {};
}

constexpr std::optional<model::Jitter> jitter_of(std::string_view word) {
  for (const auto choice : {model::Jitter::full, model::Jitter::none}) {
    if (word == word_of(choice)) {
      return choice;
    }
  }
  return {};
}

} // namespace turnwise::storage
