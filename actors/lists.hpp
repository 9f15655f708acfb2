// Lists that span shards, or that only the journal has: put together from parts, within bounds, and answered once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/node_context.hpp"

namespace turnwise::actors {

using Shards = std::shared_ptr<const std::vector<shard_actor>>;

/// Asks one shard after the other for its open entries until there are enough, and then the journal since when each is in its
/// state. The ticket gets ListPage or Error.
void list_entries(Shards shards, NodeContext& context, model::ListFilter filter, model::ListPlace from, std::size_t items_max,
                  model::Ticket ticket);

/// Looks through the journal for finished jobs of a subject. The ticket gets FinishedJobs or Error.
void list_finished(ReaderPool& readers, model::ShardId shard, std::string subject, model::EntryNumber before,
                   std::size_t jobs_max, model::Ticket ticket);

} // namespace turnwise::actors
