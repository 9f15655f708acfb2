#include "actors/keeper.hpp"

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <malloc.h>

#include <algorithm>
#include <array>

namespace turnwise::actors {
namespace {

/// Beats on demand come no closer than this.
constexpr milliseconds beat_gap{50};
constexpr std::size_t confirmations_max = 100'000;
/// A backlog that has shrunk by more jobs than this, and by half, has left memory worth returning.
constexpr std::int64_t jobs_worth_returning = 1'000;

} // namespace

Keeper::Keeper(std::unique_ptr<storage::Ownership> ownership, model::Incarnation incarnation, NodeContext& context,
               Shards shards, std::function<void(std::string)> on_fatal)
    : ownership_(std::move(ownership)),
      incarnation_(incarnation),
      context_(context),
      shards_(std::move(shards)),
      on_fatal_(std::move(on_fatal)),
      thread_([this] { run(); }) {}

Keeper::~Keeper() {
  stop();
}

void Keeper::confirm(ConfirmHandler done) {
  {
    const std::lock_guard lock(mutex_);
    if (to_confirm_.size() < confirmations_max && !stopping_) {
      to_confirm_.push_back(std::move(done));
      wake_.notify_all();
      return;
    }
  }
  done(Confirmed::no);
}

/// No beat begins from now on: those who wait for one hear so.
void Keeper::stop() {
  std::vector<ConfirmHandler> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting.swap(to_confirm_);
  }
  wake_.notify_all();
  answer(std::move(waiting), Confirmed::no);
  refuse_kind_changes({model::Errc::unavailable, "the node is stopping; nothing was changed; try again", ""});
}

void Keeper::answer(std::vector<ConfirmHandler> handlers, Confirmed confirmed) {
  for (const ConfirmHandler& handler : handlers) {
    handler(confirmed);
  }
}

void Keeper::stop_acquiring() {
  const std::lock_guard lock(mutex_);
  acquiring_ = false;
}

void Keeper::give_back(std::vector<storage::Holding> holdings, model::MonoTime deadline) {
  stop();
  if (thread_.joinable()) {
    thread_.join(); // from here on the connection is ours
  }
  while (!ownership_->release(incarnation_, holdings).ok() || !ownership_->leave(incarnation_).ok()) {
    if (model::BootClock::now() >= deadline) {
      spdlog::warn(
          "shards-not-released why=\"PostgreSQL does not answer; they are taken over when this node's lease is over\"");
      return;
    }
    std::this_thread::sleep_for(beat_gap);
  }
}

void Keeper::run() {
  for (;;) {
    wait_for_next_beat();
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        return;
      }
    }
    if (beat()) {
      read_tokens();
      change_kinds();
      do_chores();
    } else {
      refuse_kind_changes({model::Errc::unavailable, "PostgreSQL does not answer; nothing was changed; try again", ""});
    }
  }
}

/// What there is to do between two beats. A chore may wait for a lock: the next beat comes first, then the chores that are
/// left.
void Keeper::do_chores() {
  static constexpr std::array<void (Keeper::*)(), 5> chores{&Keeper::read_kinds, &Keeper::look_after_peers,
                                                            &Keeper::acquire_free, &Keeper::look_after_journal,
                                                            &Keeper::return_memory};
  for (std::size_t done = 0; done < chores.size(); ++done) {
    (this->*chores[next_chore_])();
    next_chore_ = (next_chore_ + 1) % chores.size();
    if (model::BootClock::now() - last_beat_ >= context_.config.beat) {
      return;
    }
  }
}

/// Until a beat is due, or somebody waits for one.
void Keeper::wait_for_next_beat() {
  std::unique_lock lock(mutex_);
  auto until = [&](milliseconds gap) { return last_beat_ + gap - model::BootClock::now(); };
  wake_.wait_for(lock, until(beat_gap), [&] { return stopping_; });
  wake_.wait_for(lock, until(context_.config.beat),
                 [&] { return stopping_ || !to_confirm_.empty() || !kind_changes_.empty(); });
}

bool Keeper::beat() {
  std::vector<ConfirmHandler> confirmed;
  {
    const std::lock_guard lock(mutex_);
    confirmed.swap(to_confirm_);
  }
  const auto before = model::BootClock::now();
  last_beat_ = before;
  const auto beaten = ownership_->beat(incarnation_, context_.config.node_ttl);
  if (!beaten.ok()) {
    context_.metrics.beats_failed.inc();
    context_.metrics.journal_up.value(0);
    if (was_reachable_) {
      spdlog::warn("beat-failed why=\"{}\"", beaten.error().detail);
    }
    was_reachable_ = false;
    keep_waiting(std::move(confirmed));
    return false;
  }
  if (!beaten->alive) {
    on_fatal_("another node has declared this one dead: its shards are in other hands");
    answer(std::move(confirmed), Confirmed::no);
    stop();
    return false;
  }
  const auto after = model::BootClock::now();
  context_.clock.set(beaten->wall, before, after);
  context_.trust.extend(before, context_.config.node_ttl);
  context_.metrics.journal_up.value(1);
  if (!was_reachable_) {
    was_reachable_ = true;
    reachable_since_ = after;
  }
  answer(std::move(confirmed), Confirmed::yes);
  return true;
}

/// The beat they waited for did not come: the next one will do, if there is one.
void Keeper::keep_waiting(std::vector<ConfirmHandler> handlers) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      to_confirm_.insert(to_confirm_.begin(), std::make_move_iterator(handlers.begin()),
                         std::make_move_iterator(handlers.end()));
      return;
    }
  }
  answer(std::move(handlers), Confirmed::no);
}

/// Declares dead who has not beaten for a ttl by our own clock, and whose lease is over by PostgreSQL's. After PostgreSQL was
/// away, everybody gets a whole ttl first.
void Keeper::look_after_peers() {
  const auto peers = ownership_->peers(incarnation_);
  if (!peers.ok()) {
    return;
  }
  const auto now = model::BootClock::now();
  std::unordered_map<std::string, Sighting> seen;
  for (const storage::Peer& peer : *peers) {
    const std::string id = model::to_uuid(peer.incarnation.bits);
    const auto before = sightings_.find(id);
    const bool is_silent = before != sightings_.end() && before->second.beats == peer.beats;
    const Sighting sighting = is_silent ? before->second : Sighting{peer.beats, now};
    const auto silent_since = std::max(sighting.since, reachable_since_);
    if (peer.lease_over && now - silent_since >= context_.config.node_ttl) {
      const auto dead = ownership_->declare_dead(peer.incarnation);
      if (dead.ok() && *dead) {
        spdlog::warn("node-declared-dead incarnation={}", id);
        continue;
      }
    }
    seen.emplace(id, sighting);
  }
  sightings_ = std::move(seen);
}

void Keeper::acquire_free() {
  {
    const std::lock_guard lock(mutex_);
    if (!acquiring_ || !knows_kinds_) {
      return;
    }
  }
  const auto rows = ownership_->shards();
  if (!rows.ok()) {
    return;
  }
  std::vector<storage::Holding> free;
  for (const storage::ShardRow& row : *rows) {
    if (!row.owned) {
      free.push_back({row.shard, row.epoch});
    }
  }
  if (free.empty()) {
    return;
  }
  const auto won = ownership_->acquire(incarnation_, free);
  if (!won.ok()) {
    spdlog::warn("acquire-failed why=\"{}\"", won.error().detail);
    return;
  }
  for (const storage::Holding& holding : *won) { // all of them, before the first one serves
    context_.loading_shards.begin(holding.shard);
  }
  for (const storage::Holding& holding : *won) {
    caf::anon_send((*shards_)[holding.shard.value()], Acquired{holding.epoch});
  }
  spdlog::info("shards-acquired count={}", won->size());
}

/// The allocator keeps what a large backlog has used, in pieces between what is still in use; the system gets it back on
/// request.
void Keeper::return_memory() {
  const std::int64_t open = context_.metrics.jobs_open.value();
  jobs_open_peak_ = std::max(jobs_open_peak_, open);
  if (jobs_open_peak_ - open > jobs_worth_returning && open < jobs_open_peak_ / 2) {
    ::malloc_trim(0);
    jobs_open_peak_ = open;
  }
}

} // namespace turnwise::actors
