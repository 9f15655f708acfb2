// The settings of kinds as a store keeps them: a small table that every node has whole in memory.
#pragma once

#include <cstdint>
#include <vector>

#include "model/kind.hpp"

namespace turnwise::storage {

/// All kinds that something is set for, as of one moment.
struct Kinds {
  std::uint64_t revision{}; ///< of the newest change, whatever kind it was about
  std::vector<model::Kind> kinds;
};

/// Why a kind cannot get settings although it had none: there are as many as may be. Errc::backlog_full.
model::Error too_many_kinds();

} // namespace turnwise::storage
