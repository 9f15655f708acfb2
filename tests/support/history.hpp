// The history of an entry as one list, for tests that look at all of it.
#pragma once

#include <vector>

#include "storage/journal.hpp"

namespace turnwise::tests {

struct HistoryRow {
  model::Sequence sequence;
  model::Record record;
};

inline model::Result<std::vector<HistoryRow>> history_of(storage::JournalReader& reader, model::ShardId shard,
                                                         model::EntryNumber entry) {
  std::vector<HistoryRow> rows;
  const auto read = reader.history(shard, entry, [&](model::Sequence sequence, model::Record&& record) {
    rows.push_back({sequence, std::move(record)});
  });
  if (!read.ok()) {
    return read.error();
  }
  return rows;
}

} // namespace turnwise::tests
