// What a node looks at in its PostgreSQL before it joins the cluster.
#pragma once

#include <optional>

#include "actors/engine.hpp"
#include "storage/ownership.hpp"

namespace turnwise::actors {

struct Survey {
  storage::ClusterMeta cluster;
  std::optional<storage::TokensRead> tokens; ///< when the node asks for them
};

/// Whether a node can run here: a server that keeps what it acknowledges, a schema and a cluster of this version.
/// @returns an error that says what to do, when not
model::Result<Survey> survey(storage::Ownership& ownership, const EngineConfig& config);

} // namespace turnwise::actors
