// Brings waiting workers and startable jobs together.
//
// It knows no subjects: shards tell it how many of theirs could start a job of a kind, and it takes from one shard after the
// other, so its memory does not grow with the work that waits. Within a shard subjects take turns in the order in which they
// became ready.
#pragma once

#include <memory>

#include "actors/interfaces.hpp"

namespace turnwise::actors {

struct NodeContext;

/// @param shards  by number; filled before the first Seek
dispatcher_actor spawn_dispatcher(caf::actor_system& system, NodeContext& context,
                                  std::shared_ptr<const std::vector<shard_actor>> shards);

} // namespace turnwise::actors
