// Appending and reading in memory, by the rules of the real journal.
#include "storage/memory/journal.hpp"

#include <algorithm>

#include "model/test_hooks.hpp"
#include "storage/batch_check.hpp"
#include "storage/body_fold.hpp"

namespace turnwise::storage::memory {
namespace {

/// The fence, and the two mutants of it that tests arm to see that its absence is noticed.
bool passes_fence(const Content& content, Incarnation owner, const Holding& holding) {
  if (TURNWISE_MUTANT("M1")) {
    return true;
  }
  const auto& shard = content.shards.at(holding.shard.value());
  return TURNWISE_MUTANT("M2") ? shard.epoch == holding.epoch : content.is_held(owner, holding);
}

AppendResult write(Content& content, Incarnation owner, std::span<const Holding> holdings, std::span<const Row> rows) {
  if (!std::ranges::all_of(holdings, [&](const auto& holding) { return passes_fence(content, owner, holding); })) {
    return {AppendStatus::fenced, "fenced"};
  }
  if (!is_utf8(rows)) {
    return {AppendStatus::refused, "a text is not UTF-8"};
  }
  const auto is_there = [&](const Row& row) {
    return content.shards[row.shard.value()].rows.contains({row.record.entry, row.sequence});
  };
  if (std::ranges::any_of(rows, is_there)) {
    return {AppendStatus::refused, "a number is there already"};
  }
  auto& [number, segment] = *content.segments.rbegin();
  for (const auto& row : rows) {
    auto& shard = content.shards[row.shard.value()];
    shard.rows.emplace(std::pair{row.record.entry, row.sequence}, StoredRecord{row.record, number});
    shard.firsts.try_emplace(number, row.sequence);
  }
  segment.rows += rows.size();
  return {AppendStatus::committed, {}};
}

/// What replay leaves out.
void drop_texts(model::RecordBody& body) {
  std::visit(model::Overloaded{[](model::Submitted& b) { b.payload.clear(); }, [](model::Succeeded& b) { b.result.clear(); },
                               [](model::AttemptFailed& b) { b.error.clear(); }, [](model::Replaced& b) { b.payload.clear(); },
                               [](model::Carried& b) { b.job.payload.clear(); }, [](auto&) {}},
             body);
}

/// The rows of one entry, by sequence.
template <class Rows>
auto rows_of(Rows& rows, EntryNumber entry) {
  return std::ranges::subrange(rows.lower_bound({entry, Sequence{0}}), rows.upper_bound({entry, Sequence{~std::uint64_t{0}}}));
}

std::optional<Body> body_of(const Shard& shard, ShardId id, EntryNumber entry) {
  std::optional<Body> body;
  for (const auto& [key, stored] : rows_of(shard.rows, entry)) {
    fold_body(body, id, stored.record);
  }
  return body;
}

KeyMatch find_key(const Shard& shard, const KeyQuery& query, model::WallTime since) {
  KeyMatch match;
  Sequence latest;
  for (const auto& [key, stored] : shard.rows) {
    const auto use = model::key_use(stored.record.body);
    if (use && use->key == query.key && use->kind == query.kind && use->subject == query.subject &&
        use->at.value_or(stored.record.at) >= since && key.second >= latest) {
      match = {.entry = key.first, .fingerprint = use->fingerprint, .found = true};
      latest = key.second;
    }
  }
  return match;
}

} // namespace

AppendResult Writer::append(Incarnation owner, std::span<const Holding> holdings, std::span<const Row> rows) {
  if (auto fault = fault_of(holdings, rows); !fault.empty()) {
    return {AppendStatus::refused, std::move(fault)};
  }
  const std::lock_guard lock{content_->mutex};
  const auto& faults = content_->faults;
  if (const auto ordered = faults.on_append ? faults.on_append(rows) : std::nullopt) {
    if (*ordered == AppendStatus::unknown && faults.write_anyway && faults.write_anyway(rows)) {
      write(*content_, owner, holdings, rows);
    }
    return {*ordered, *ordered == AppendStatus::committed ? "" : "a fault that the test asked for"};
  }
  return write(*content_, owner, holdings, rows);
}

Result<std::vector<Holding>> Writer::reacquire(Incarnation owner, std::span<const Holding> holdings) {
  const std::lock_guard lock{content_->mutex};
  std::vector<Holding> raised;
  for (const auto& holding : holdings) {
    auto& shard = content_->shards.at(holding.shard.value());
    if (shard.owner == owner && shard.epoch >= holding.epoch) {
      shard.epoch = Epoch{shard.epoch.value() + 1};
      raised.push_back({holding.shard, shard.epoch});
    }
  }
  return raised;
}

Result<bool> Writer::contains(ShardId shard, EntryNumber entry, Sequence sequence) {
  const std::lock_guard lock{content_->mutex};
  return content_->shards.at(shard.value()).rows.contains({entry, sequence});
}

Result<Replayed> Reader::replay(ShardId id, const RowSink& sink) {
  std::vector<std::pair<Sequence, model::Record>> copies; // so that the sink may use the store
  bool is_whole{};
  {
    const std::lock_guard lock{content_->mutex};
    const Shard& shard = content_->shards.at(id.value());
    is_whole = shard.replay_from <= 1;
    for (const auto& [key, stored] : shard.rows) {
      if (stored.segment >= shard.replay_from) {
        copies.emplace_back(key.second, stored.record);
      }
    }
  }
  for (auto& [sequence, record] : copies) {
    drop_texts(record.body);
    sink(sequence, std::move(record));
  }
  return Replayed{is_whole};
}

Result<std::vector<Body>> Reader::bodies(std::span<const std::pair<ShardId, EntryNumber>> entries) {
  const std::lock_guard lock{content_->mutex};
  std::vector<Body> found;
  for (const auto& [shard, entry] : entries) {
    if (auto body = body_of(content_->shards.at(shard.value()), shard, entry)) {
      found.push_back(std::move(*body));
    }
  }
  return found;
}

Result<model::Done> Reader::history(ShardId shard, EntryNumber entry, const RowSink& sink) {
  std::vector<std::pair<Sequence, model::Record>> copies; // so that the sink may use the store
  {
    const std::lock_guard lock{content_->mutex};
    for (const auto& [key, stored] : rows_of(content_->shards.at(shard.value()).rows, entry)) {
      copies.emplace_back(key.second, stored.record);
    }
  }
  for (auto& [sequence, record] : copies) {
    sink(sequence, std::move(record));
  }
  return model::Done{};
}

Result<std::vector<KeyMatch>> Reader::find_keys(ShardId shard, std::span<const KeyQuery> queries, model::WallTime since) {
  const std::lock_guard lock{content_->mutex};
  std::vector<KeyMatch> matches;
  for (const auto& query : queries) {
    matches.push_back(find_key(content_->shards.at(shard.value()), query, since));
  }
  return matches;
}

Result<SubjectEntries> Reader::entries_of(const SubjectQuery& query) {
  const std::lock_guard lock{content_->mutex};
  const auto& rows = content_->shards.at(query.shard.value()).rows;
  SubjectEntries found;
  std::size_t looked_at = 0;
  EntryNumber last;
  for (auto row = std::make_reverse_iterator(rows.lower_bound({query.before, Sequence{0}})); row != rows.rend(); ++row) {
    if (looked_at++ == query.rows_max) { // in the middle of an entry, perhaps
      if (found.entries.empty() || found.entries.back() != last) {
        found.entries.push_back(last);
      }
      found.next = last;
      break;
    }
    last = row->first.first;
    if (model::subject_of(row->second.record.body) != query.subject ||
        (!found.entries.empty() && found.entries.back() == last)) {
      continue;
    }
    if (found.entries.size() == query.entries_max) {
      found.next = found.entries.back();
      break;
    }
    found.entries.push_back(last);
  }
  return found;
}

Result<model::Done> Reader::outlines(std::span<const std::pair<ShardId, EntryNumber>> entries, const EntryRowSink& sink) {
  std::vector<std::pair<ShardId, std::pair<Sequence, model::Record>>> copies; // so that the sink may use the store
  {
    const std::lock_guard lock{content_->mutex};
    for (const auto& [shard, entry] : entries) {
      for (const auto& [key, stored] : rows_of(content_->shards.at(shard.value()).rows, entry)) {
        copies.push_back({shard, {key.second, stored.record}});
        if (!std::holds_alternative<model::AttemptFailed>(stored.record.body)) {
          drop_texts(copies.back().second.second.body);
        }
      }
    }
  }
  for (auto& [shard, row] : copies) {
    sink(shard, row.first, std::move(row.second));
  }
  return model::Done{};
}

} // namespace turnwise::storage::memory
