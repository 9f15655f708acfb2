#include "actors/shard_loader.hpp"

#include <algorithm>

#include "model/test_hooks.hpp"

namespace turnwise::actors {
namespace {

/// Folds one entry after the other, and keeps those that are still open.
class Fold {
public:
  Fold(LoadedShard& shard, model::KindTable& kinds, model::WallTime keys_since)
      : shard_(shard), kinds_(kinds), keys_since_(keys_since) {}

  void add(model::Sequence sequence, const model::Record& record) {
    if (const auto* cursor = std::get_if<model::OutsideCursor>(&record.body)) {
      shard_.outside = model::OutsideBook{*cursor}; // the last is the latest; they come before everything else
      return;
    }
    if (const auto outside = model::outside_of(record.body); !shard_.outside.has(outside) && !TURNWISE_MUTANT("M21")) {
      taken_.push_back(outside);
    }
    if (record.entry != entry_) {
      finish_entry();
      entry_ = record.entry;
    }
    if (const auto subject = model::subject_of(record.body); !subject.empty()) {
      subject_ = subject;
    }
    if (const auto use = model::key_use(record.body); use && use->at.value_or(record.at) >= keys_since_) {
      remember(*use);
    }
    folded_.apply(record, sequence, kinds_);
  }

  void finish_entry() {
    if (folded_.empty()) {
      return; // closed
    }
    auto& mailbox = shard_.mailboxes[subject_];
    if (!mailbox) {
      mailbox = std::make_unique<model::Mailbox>();
    }
    folded_.each_waiting([this](model::KindId kind) { ++shard_.waiting[kind]; });
    mailbox->absorb(std::exchange(folded_, {}));
    ++shard_.open_jobs;
  }

  void finish_outside() {
    std::sort(taken_.begin(), taken_.end());
    for (const model::OutsideId id : taken_) {
      shard_.outside.take(id);
    }
  }

  void forget_old_keys() {
    if (shard_.keys.size() > remembered_keys_max) {
      shard_.keys.erase(shard_.keys.begin(), shard_.keys.end() - static_cast<std::ptrdiff_t>(remembered_keys_max));
      shard_.keys_complete = false;
    }
  }

private:
  void remember(const model::KeyUse& use) {
    shard_.keys.push_back({spell_key(use.subject, use.kind, use.key), entry_, use.fingerprint});
    if (shard_.keys.size() >= 2 * remembered_keys_max) {
      forget_old_keys();
    }
  }

  LoadedShard& shard_;
  model::KindTable& kinds_;
  model::WallTime keys_since_;
  std::vector<model::OutsideId> taken_; // rows of users' transactions that no cursor tells of
  model::EntryNumber entry_;            // the one that is being read
  std::string subject_;
  model::Mailbox folded_; // of that entry alone
};

using Rows = std::vector<std::pair<model::Sequence, model::Record>>;

/// Mutant M11: replays as if the last batch had never been written.
void drop_last_rows(Rows& rows) {
  const auto last = std::max_element(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  if (last != rows.end()) {
    rows.erase(last);
  }
}

} // namespace

std::string spell_key(std::string_view subject, std::string_view kind, std::string_view key) {
  std::string spelled;
  spelled.reserve(subject.size() + kind.size() + key.size() + 2);
  return spelled.append(subject).append(1, '\n').append(kind).append(1, '\n').append(key); // only a key may have newlines
}

model::Result<std::shared_ptr<LoadedShard>> load_shard(storage::JournalReader& reader, model::ShardId shard,
                                                       model::KindTable& kinds, model::WallTime keys_since) {
  auto loaded = std::make_shared<LoadedShard>();
  Fold fold(*loaded, kinds, keys_since);
  const bool drops_last = TURNWISE_MUTANT("M11");
  Rows all; // only for the mutant
  const auto replayed = reader.replay(shard, [&](model::Sequence sequence, model::Record&& record) {
    if (drops_last) {
      all.emplace_back(sequence, std::move(record));
    } else {
      fold.add(sequence, record);
    }
  });
  if (!replayed.ok()) {
    return replayed.error();
  }
  drop_last_rows(all);
  for (const auto& [sequence, record] : all) {
    fold.add(sequence, record);
  }
  fold.finish_entry();
  fold.finish_outside();
  fold.forget_old_keys();
  loaded->keys_complete = loaded->keys_complete && replayed->is_whole; // older segments may have some of the window
  if (TURNWISE_MUTANT("M13")) {
    loaded->keys.clear(); // idempotency keys not known after a takeover
  }
  return loaded;
}

} // namespace turnwise::actors
