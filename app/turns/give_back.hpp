// Turns that were won and that nobody can use.
#pragma once

#include <vector>

#include "actors/engine.hpp"

namespace turnwise::turns {

inline model::Receipt receipt_of(const model::Grant& grant) {
  return {.shard = grant.shard, .claim = {.entry = grant.entry, .attempt = grant.attempt, .nonce = grant.nonce}};
}

std::vector<model::Receipt> receipts_of(const std::vector<model::Grant>& grants);

/// Gives attempts back unused; whether that is heard is not waited for, since their leases end anyway. From any thread.
void give_back(actors::Engine& engine, const std::vector<model::Receipt>& receipts);

} // namespace turnwise::turns
