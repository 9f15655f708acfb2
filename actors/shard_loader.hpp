// Reads a shard back from the journal: the fold of its records, on a reader's thread.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/interfaces.hpp"
#include "model/kind_table.hpp"
#include "model/mailbox.hpp"
#include "model/outside.hpp"
#include "storage/journal.hpp"

namespace turnwise::actors {

/// How many idempotency keys a shard remembers without asking the journal.
inline constexpr std::size_t remembered_keys_max = 2'000;

/// An idempotency key as a shard spells it: unique per subject and kind.
std::string spell_key(std::string_view subject, std::string_view kind, std::string_view key);

struct LoadedShard {
  struct Key {
    std::string spelled;
    model::EntryNumber entry;
    model::Fingerprint fingerprint{};
  };
  std::unordered_map<std::string, std::unique_ptr<model::Mailbox>> mailboxes; ///< of subjects with open jobs; not adopted yet
  std::vector<Key> keys;    ///< of the window, the newest remembered_keys_max of them, oldest first
  bool keys_complete{true}; ///< no key of the window is missing in `keys`
  std::uint64_t open_jobs{};
  std::unordered_map<model::KindId, std::int64_t> waiting; ///< jobs in the mailboxes that do not run, by kind
  model::OutsideBook outside;                              ///< rows of users' transactions that have been taken over
};

/// @param keys_since  start of the idempotency window
model::Result<std::shared_ptr<LoadedShard>> load_shard(storage::JournalReader& reader, model::ShardId shard,
                                                       model::KindTable& kinds, model::WallTime keys_since);

} // namespace turnwise::actors
