#include "actors/shard_loader.hpp"

#include <algorithm>

#include "model/test_hooks.hpp"

namespace turnwise::actors {
namespace {

using storage::HistoryRow;

/// Collects the rows of one entry after the other, and folds those entries that are still open.
class Fold {
public:
  Fold(LoadedShard& shard, model::KindTable& kinds, model::WallTime keys_since)
      : shard_(shard), kinds_(kinds), keys_since_(keys_since) {}

  void add(model::Sequence sequence, model::Record&& record) {
    if (!rows_.empty() && rows_.front().record.entry != record.entry) {
      finish_entry();
    }
    rows_.push_back({sequence, std::move(record)});
  }

  void finish_entry() {
    if (rows_.empty()) {
      return;
    }
    const auto* opening = std::get_if<model::Submitted>(&rows_.front().record.body);
    if (opening != nullptr) {
      remember_key(*opening);
      if (!is_closed()) {
        open(opening->subject);
      }
    }
    rows_.clear();
  }

private:
  [[nodiscard]] bool is_closed() const {
    const auto state = model::state_after(rows_.back().record.body);
    return state && model::is_final(*state);
  }

  void open(const std::string& subject) {
    auto& mailbox = shard_.mailboxes[subject];
    if (!mailbox) {
      mailbox = std::make_unique<model::Mailbox>();
    }
    for (const HistoryRow& row : rows_) {
      mailbox->apply(row.record, row.sequence, kinds_);
    }
    ++shard_.open_jobs;
  }

  void remember_key(const model::Submitted& job) {
    if (job.key.empty() || rows_.front().record.at < keys_since_) {
      return;
    }
    shard_.keys.push_back({spell_key(job.subject, job.kind, job.key), rows_.front().record.entry, job.fingerprint});
    if (shard_.keys.size() >= 2 * remembered_keys_max) {
      forget_old_keys();
    }
  }

public:
  void forget_old_keys() {
    if (shard_.keys.size() > remembered_keys_max) {
      shard_.keys.erase(shard_.keys.begin(), shard_.keys.end() - static_cast<std::ptrdiff_t>(remembered_keys_max));
      shard_.keys_complete = false;
    }
  }

private:
  LoadedShard& shard_;
  model::KindTable& kinds_;
  model::WallTime keys_since_;
  std::vector<HistoryRow> rows_; // of the entry that is being read
};

/// Replays as if the last batch had never been written.
storage::ReplaySink without_last_rows(std::vector<HistoryRow>& rows) {
  return [&rows](model::Sequence sequence, model::Record&& record) { rows.push_back({sequence, std::move(record)}); };
}

void drop_last_rows(std::vector<HistoryRow>& rows) {
  const auto last =
      std::max_element(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
  if (last != rows.end()) {
    rows.erase(last);
  }
}

} // namespace

std::string spell_key(const std::string& subject, const std::string& kind, const std::string& key) {
  return subject + '\n' + kind + '\n' + key; // neither subject nor kind has control characters
}

model::Result<std::shared_ptr<LoadedShard>> load_shard(storage::JournalReader& reader, model::ShardId shard,
                                                       model::KindTable& kinds, model::WallTime keys_since) {
  auto loaded = std::make_shared<LoadedShard>();
  Fold fold(*loaded, kinds, keys_since);
  std::vector<HistoryRow> all; // only for the mutant
  const bool drops_last = TURNWISE_MUTANT("M11");
  const auto sink =
      drops_last ? without_last_rows(all) : storage::ReplaySink([&](model::Sequence sequence, model::Record&& record) {
        fold.add(sequence, std::move(record));
      });
  const auto replayed = reader.replay(shard, sink);
  if (!replayed.ok()) {
    return replayed.error();
  }
  if (drops_last) {
    drop_last_rows(all);
    for (HistoryRow& row : all) {
      fold.add(row.sequence, std::move(row.record));
    }
  }
  fold.finish_entry();
  fold.forget_old_keys();
  if (TURNWISE_MUTANT("M13")) {
    loaded->keys.clear(); // idempotency keys not known after a takeover
  }
  return loaded;
}

} // namespace turnwise::actors
