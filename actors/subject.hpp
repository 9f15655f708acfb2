// The actor of one subject: it owns the mailbox while there is something to decide, and carries nothing out itself. What it
// decided goes to its shard, which makes it durable and lets it take effect.
//
// All messages to a subject come from its shard, and each Decide is answered by one Decided. So the shard knows when a subject
// has nothing in hand, and may let go of it at that moment without losing a message.
#pragma once

#include <memory>

#include "actors/interfaces.hpp"
#include "actors/node_context.hpp"

namespace turnwise::actors {

/// What a subject is spawned with.
struct SubjectSeed {
  NodeContext& context;
  model::ShardId shard;
  Generation generation{};
  Slot* slot{}; ///< the shard's own mark, handed back with every answer
  shard_actor parent;
  std::shared_ptr<model::Mailbox> mailbox;
};

subject_actor spawn_subject(caf::actor_system& system, SubjectSeed seed);

} // namespace turnwise::actors
