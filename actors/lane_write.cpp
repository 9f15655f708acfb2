// The half of a lane that talks to PostgreSQL: what is done with a batch until every shard knows what became of its records.
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>

#include "actors/lane.hpp"
#include "actors/random.hpp"
#include "model/test_hooks.hpp"

namespace turnwise::actors {
namespace {

using storage::AppendStatus;

constexpr std::chrono::milliseconds backoff_first{20};
constexpr std::chrono::milliseconds backoff_last{2'000};

} // namespace

/// Writes a batch, however long it takes. Returns early only at the end of the process.
void Lane::write(Batch batch) {
  const bool told_early = TURNWISE_MUTANT("M3"); // an acknowledgement before the commit
  if (told_early) {
    tell_committed(batch);
  }
  while (!batch.empty()) {
    const storage::AppendResult result = writer_->append(owner_, batch.holdings(), batch.rows);
    switch (result.status) {
    case AppendStatus::committed:
      set_health(Health::up, "");
      if (!told_early) {
        tell_committed(batch);
      }
      return;
    case AppendStatus::refused:
      bisect(std::move(batch), result.error);
      return;
    case AppendStatus::fenced:
      metrics_.fenced.inc();
      batch = renumber_ours(std::move(batch));
      break;
    case AppendStatus::unknown:
      metrics_.unknown_outcomes.inc();
      batch = resolve_unknown(std::move(batch));
      break;
    case AppendStatus::no_space:
    case AppendStatus::unavailable:
      set_health(result.status == AppendStatus::no_space ? Health::no_space : Health::down, result.error);
      if (!back_off()) {
        return;
      }
      break;
    }
  }
}

void Lane::tell_committed(const Batch& batch) {
  std::size_t first = 0;
  for (const Part& part : batch.parts) {
    caf::anon_send(part.listener, Committed{part.generation, part.count, batch.rows[first].sequence});
    first += part.count;
  }
  metrics_.batches.inc();
  metrics_.rows.inc(static_cast<std::int64_t>(batch.rows.size()));
  settle(batch.rows);
}

/// PostgreSQL does not take a row of this batch: find it by halves, so that only its request suffers.
void Lane::bisect(Batch batch, const std::string& reason) {
  if (batch.rows.size() == 1) {
    refuse(batch.parts.front(), batch.rows.front(), reason);
    return;
  }
  // Halves of the shards, or of the rows when there is one shard.
  Batch second;
  const std::size_t parts = (batch.parts.size() + 1) / 2;
  if (batch.parts.size() > 1) {
    std::move(batch.parts.begin() + static_cast<std::ptrdiff_t>(parts), batch.parts.end(), std::back_inserter(second.parts));
    batch.parts.resize(parts);
  } else {
    second.parts = batch.parts;
    batch.parts.front().count /= 2;
    second.parts.front().count -= batch.parts.front().count;
  }
  std::size_t rows = 0;
  for (const Part& part : batch.parts) {
    rows += part.count;
  }
  std::move(batch.rows.begin() + static_cast<std::ptrdiff_t>(rows), batch.rows.end(), std::back_inserter(second.rows));
  batch.rows.resize(rows);

  write(std::move(batch));
  if (second.parts.size() == 1) {
    // The first half may have taken this shard to a later epoch, or away.
    if (!refresh(second.parts.front())) {
      settle(second.rows);
      return;
    }
    number(second.parts.front(), second.rows);
  }
  write(std::move(second));
}

/// Brings a part up to date with its shard. False when the shard is not attached any more.
bool Lane::refresh(Part& part) {
  const std::lock_guard lock(mutex_);
  const auto found = shards_.find(part.holding.shard);
  if (found == shards_.end() || found->second.generation != part.generation) {
    return false;
  }
  part.holding = found->second.holding;
  return true;
}

/// Drops the record and all that its shard has behind it, which may build on it. The shard reloads.
void Lane::refuse(const Part& part, const storage::Row& row, const std::string& reason) {
  spdlog::error("record-refused shard={} entry={} event={} why=\"{}\"", part.holding.shard.value(), row.record.entry.value(),
                model::name(model::event_of(row.record.body)), reason);
  detach(part.holding.shard, part.generation);
  settle({&row, 1});
  caf::anon_send(part.listener, Refused{part.generation, reason});
}

void Lane::lose(const Part& part, std::span<const storage::Row> rows) {
  spdlog::warn("shard-lost shard={} epoch={}", part.holding.shard.value(), part.holding.epoch.value());
  detach(part.holding.shard, part.generation);
  settle(rows);
  caf::anon_send(part.listener, Lost{part.generation});
}

/// The connection broke after the batch was sent. Raising the epochs waits until the doubtful transaction has ended; then the
/// journal says whether it was committed. Never just sends the batch again.
/// @returns what is still to be written.
Lane::Batch Lane::resolve_unknown(Batch batch) {
  set_health(Health::down, "the answer to a commit was lost");
  if (TURNWISE_MUTANT("M5")) { // an unknown outcome taken for a success
    tell_committed(batch);
    return {};
  }
  const auto ours = reacquire(batch);
  if (!ours) {
    return {};
  }
  const storage::Row& last = batch.rows.back();
  auto present = writer_->contains(last.shard, last.record.entry, last.sequence);
  while (!present.ok()) {
    if (!back_off()) {
      return {};
    }
    present = writer_->contains(last.shard, last.record.entry, last.sequence);
  }
  const bool written = *present && !TURNWISE_MUTANT("M4"); // M4: an unknown outcome taken for a failure
  spdlog::warn("unknown-outcome-resolved written={} rows={}", written, batch.rows.size());
  if (written) {
    tell_committed(batch);
    batch.rows.clear();
    for (Part& part : batch.parts) {
      part.count = 0;
    }
    keep(std::move(batch), *ours); // for the epochs, and for the shards that are gone
    return {};
  }
  return keep(std::move(batch), *ours);
}

/// The fence refused the batch: some shard of it is not ours any more. Goes on with the others.
Lane::Batch Lane::renumber_ours(Batch batch) {
  const auto ours = reacquire(batch);
  return ours ? keep(std::move(batch), *ours) : Batch{};
}

/// Raises the epoch of every shard of the batch that is still ours. Nothing at the end of the process.
std::optional<std::vector<storage::Holding>> Lane::reacquire(const Batch& batch) {
  for (;;) {
    auto result = writer_->reacquire(owner_, batch.holdings());
    if (result.ok()) {
      set_health(Health::up, "");
      return std::move(result).value();
    }
    set_health(Health::down, result.error().detail);
    if (!back_off()) {
      return std::nullopt;
    }
  }
}

/// Reduces a batch to the shards that are ours, at their new epochs and with new numbers, and loses the others.
Lane::Batch Lane::keep(Batch batch, const std::vector<storage::Holding>& ours) {
  Batch kept;
  auto row = batch.rows.begin();
  for (Part& part : batch.parts) {
    const auto end = row + static_cast<std::ptrdiff_t>(part.count);
    const auto found =
        std::find_if(ours.begin(), ours.end(), [&](const auto& holding) { return holding.shard == part.holding.shard; });
    if (found == ours.end()) {
      lose(part, std::span(row, end));
    } else {
      part.holding = *found;
      part.counter->move_to(found->epoch);
      {
        const std::lock_guard lock(mutex_);
        if (const auto shard = shards_.find(found->shard); shard != shards_.end()) {
          shard->second.holding = *found;
        }
      }
      std::move(row, end, std::back_inserter(kept.rows));
      number(part, std::span(kept.rows).last(part.count));
      kept.parts.push_back(std::move(part));
    }
    row = end;
  }
  return kept;
}

void Lane::set_health(Health health, const std::string& why) {
  if (health == Health::up) {
    failures_ = 0;
  }
  if (health_.exchange(health, std::memory_order_relaxed) == health) {
    return;
  }
  if (health == Health::up) {
    spdlog::info("lane-up");
  } else {
    spdlog::warn("lane-down why=\"{}\"", why);
  }
}

/// Waits before the next try, longer each time and never the same for two lanes. False at the end of the process.
bool Lane::back_off() {
  const auto full = std::min(backoff_last, backoff_first * (1U << std::min(failures_, 7U)));
  ++failures_;
  const auto span =
      std::chrono::milliseconds{1 + static_cast<std::int64_t>(random_64() % static_cast<std::uint64_t>(full.count()))};
  std::unique_lock lock(mutex_);
  return !work_.wait_for(lock, span, [&] { return stopping_; });
}

} // namespace turnwise::actors
