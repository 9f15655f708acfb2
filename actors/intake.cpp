#include "actors/intake.hpp"

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>

#include "model/test_hooks.hpp"

namespace turnwise::actors {
namespace {

/// Between two looks: rows are to be taken over within 50 ms.
constexpr milliseconds look_pause{30};
/// A shard that could take no more, since it is full, is asked again after this.
constexpr milliseconds full_pause{100};
constexpr milliseconds tend_pause{5'000};
constexpr milliseconds backoff_first{50};
constexpr std::uint32_t backoff_doublings_max = 5;
constexpr std::size_t judged_at_once_max = 100;
constexpr std::uint32_t shards_stride = 37; // any number that is no divisor of usual shard counts

} // namespace

Intake::Intake(std::unique_ptr<storage::OutsideReader> reader, storage::OutsideUpkeep upkeep)
    : reader_(std::move(reader)), upkeep_(upkeep), thread_([this] { run(); }) {}

Intake::~Intake() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
}

// ── From shards ──────────────────────────────────────────────────────────────────────────────────────────────────────────

void Intake::attach(model::ShardId shard, Generation generation, shard_actor listener, Standing standing) {
  const std::lock_guard lock(mutex_);
  listeners_[shard] = Listener{.generation = generation,
                               .actor = std::move(listener),
                               .standing = std::move(standing),
                               .is_busy = false,
                               .not_before = {},
                               .unwritten_since = std::nullopt,
                               .seen_to = {},
                               .seen_at = 0};
  is_disturbed_ = true; // rows may have been waiting for it
}

void Intake::detach(model::ShardId shard, Generation generation) {
  const std::lock_guard lock(mutex_);
  if (const auto found = listeners_.find(shard); found != listeners_.end() && found->second.generation == generation) {
    listeners_.erase(found);
    std::erase_if(to_judge_, [&](const Judgement& asked) { return asked.turn.shard == shard; });
    for (const Turn& turn : locked_) {
      if (turn.first == shard) {
        to_unlock_.push_back(turn);
      }
    }
  }
}

void Intake::judge(Generation generation, storage::TurnToEnd turn) {
  {
    const std::lock_guard lock(mutex_);
    to_judge_.push_back({generation, turn});
  }
  wake_.notify_all();
}

void Intake::unlock(model::ShardId shard, model::EntryNumber entry) {
  {
    const std::lock_guard lock(mutex_);
    to_unlock_.emplace_back(shard, entry);
  }
  wake_.notify_all();
}

void Intake::resume(model::ShardId shard, Generation generation, Standing standing) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = listeners_.find(shard);
    if (found == listeners_.end() || found->second.generation != generation) {
      return;
    }
    Listener& listener = found->second;
    const auto now = model::BootClock::now();
    listener.is_busy = false;
    listener.not_before = standing.pace == Standing::Pace::later ? now + full_pause : now;
    if (standing.cursor == Standing::Cursor::written) {
      listener.unwritten_since.reset();
    } else if (!listener.unwritten_since) {
      listener.unwritten_since = now;
    }
    is_disturbed_ = is_disturbed_ || standing.pace == Standing::Pace::at_once;
    listener.standing = std::move(standing);
  }
  wake_.notify_all();
}

// ── The thread ───────────────────────────────────────────────────────────────────────────────────────────────────────────

void Intake::run() {
  while (wait()) {
    failures_ = unlock_turns() && judge_turns() && look() ? 0 : std::min(failures_ + 1, backoff_doublings_max);
  }
}

/// Until it is time to look. False at the end.
bool Intake::wait() {
  std::unique_lock lock(mutex_);
  if (failures_ > 0) {
    wake_.wait_for(lock, backoff_first * (1U << failures_), [&] { return stopping_; });
  } else {
    wake_.wait_for(lock, look_pause, [&] { return stopping_ || is_disturbed_ || !to_judge_.empty() || !to_unlock_.empty(); });
  }
  if (std::exchange(is_disturbed_, false)) {
    is_quiet_ = false;
    horizon_ = 0;
  }
  return !stopping_;
}

/// False when PostgreSQL cannot be reached.
bool Intake::look() {
  tend();
  ask_for_cursors();
  const auto bell = reader_->doorbell();
  if (!bell.ok()) {
    if (failures_ == 0) {
      spdlog::warn("intake-failed why=\"{}\"", bell.error().detail);
    }
    return false;
  }
  if (*bell != bell_) {
    bell_ = *bell;
    is_quiet_ = false;
    horizon_ = 0;
  }
  if (is_quiet_) {
    return true;
  }
  const Question question = collect();
  auto page = reader_->read(question.wanted, {.first_shard = first_shard_});
  if (!page.ok()) {
    spdlog::warn("intake-failed why=\"{}\"", page.error().detail);
    return false;
  }
  first_shard_ += shards_stride;
  if (horizon_ == 0) {
    horizon_ = page->next; // whoever rang the bell had a number before
  }
  tell(question, std::move(*page));
  return true;
}

/// Locks turns that are to be ended, a bounded number at once. False when PostgreSQL cannot be reached: then they are asked for
/// again.
bool Intake::judge_turns() {
  std::vector<Judgement> asked;
  {
    const std::lock_guard lock(mutex_);
    const auto end = to_judge_.begin() + static_cast<std::ptrdiff_t>(std::min(to_judge_.size(), judged_at_once_max));
    asked.assign(to_judge_.begin(), end);
    to_judge_.erase(to_judge_.begin(), end);
  }
  if (asked.empty()) {
    return true;
  }
  std::vector<storage::TurnToEnd> turns;
  for (const Judgement& judgement : asked) {
    turns.push_back(judgement.turn);
  }
  const auto verdicts = reader_->lock_turns(turns);
  if (!verdicts.ok()) {
    const std::lock_guard lock(mutex_);
    locked_.clear(); // with the connection
    to_judge_.insert(to_judge_.begin(), asked.begin(), asked.end());
    return false;
  }
  tell(asked, *verdicts);
  return true;
}

void Intake::tell(const std::vector<Judgement>& asked, const std::vector<storage::TurnVerdict>& verdicts) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Turn turn{asked[i].turn.shard, asked[i].turn.entry};
    const auto listener = listeners_.find(turn.first);
    const bool is_there = listener != listeners_.end() && listener->second.generation == asked[i].generation;
    if (verdicts[i].is == storage::TurnVerdict::Is::locked) {
      is_there ? static_cast<void>(locked_.insert(turn)) : to_unlock_.push_back(turn);
    }
    if (is_there) {
      caf::anon_send(listener->second.actor, TurnJudged{asked[i].generation, turn.second, verdicts[i]});
    }
  }
}

bool Intake::unlock_turns() {
  std::vector<Turn> turns;
  {
    const std::lock_guard lock(mutex_);
    turns.swap(to_unlock_);
    for (const Turn& turn : turns) {
      if (const auto one = locked_.find(turn); one != locked_.end()) {
        locked_.erase(one);
      }
    }
  }
  return turns.empty() || reader_->unlock_turns(turns).ok(); // a lost connection has none any more
}

/// The shards that have done with what they were told.
Intake::Question Intake::collect() {
  const std::lock_guard lock(mutex_);
  const auto now = model::BootClock::now();
  Question question;
  for (const auto& [shard, listener] : listeners_) {
    if (!listener.is_busy && listener.not_before <= now) {
      question.wanted.push_back({shard, listener.standing.taken});
      question.asked_by.emplace_back(listener.generation, listener.standing.round);
      if (TURNWISE_MUTANT("M20")) { // a cursor without gaps: late commits are passed over
        question.wanted.back().taken.gaps.clear();
      }
    }
  }
  first_shard_ = listeners_.empty() ? 0 : first_shard_ % (listeners_.rbegin()->first.value() + 1U);
  return question;
}

void Intake::tell(const Question& question, storage::OutsidePage page) {
  const std::lock_guard lock(mutex_);
  bool may_be_quiet = page.rows.empty() && page.oldest_open >= horizon_ && question.wanted.size() == listeners_.size();
  auto row = page.rows.begin();
  for (std::size_t i = 0; i < question.wanted.size(); ++i) {
    const auto& [shard, asked] = question.wanted[i];
    const auto [generation, round] = question.asked_by[i];
    const auto end = std::find_if(row, page.rows.end(), [of = shard](const auto& other) { return other.shard != of; });
    std::vector<storage::OutsideRow> rows(std::make_move_iterator(row), std::make_move_iterator(end));
    row = end;
    may_be_quiet = may_be_quiet && asked.gaps.empty();
    // What was read for a load that is over says nothing to the next: it may have taken less.
    const auto found = listeners_.find(shard);
    if (found != listeners_.end() && found->second.generation == generation && !found->second.is_busy) {
      tell(found->second, asked, round, std::move(rows), page);
    }
  }
  is_quiet_ = may_be_quiet;
}

void Intake::tell(Listener& listener, const model::OutsideCursor& asked, std::uint64_t round,
                  std::vector<storage::OutsideRow> rows, const storage::OutsidePage& page) {
  model::OutsideId closed = closed_gaps(listener, asked, page);
  if (page.is_cut || rows.size() >= storage::OutsideBounds{}.rows_per_shard) {
    closed = std::min(closed, rows.empty() ? model::OutsideId{} : rows.back().id); // of what follows nothing is known
  }
  const bool closes = !asked.gaps.empty() && asked.gaps.front().first <= closed;
  if (!rows.empty() || closes) {
    listener.is_busy = true;
    caf::anon_send(listener.actor, OutsideRows{.generation = listener.generation,
                                               .round = round,
                                               .rows = std::move(rows),
                                               .closed_to = closed,
                                               .cursor = OutsideRows::Cursor::when_many});
  }
}

/// Up to where gaps that this page does not fill stay empty for ever: every transaction that was open when they were seen has
/// ended, and what it inserted would be there.
model::OutsideId Intake::closed_gaps(Listener& listener, const model::OutsideCursor& asked, const storage::OutsidePage& page) {
  model::OutsideId closed{};
  if (listener.seen_at != 0 && page.oldest_open >= listener.seen_at) {
    closed = std::exchange(listener.seen_to, {});
    listener.seen_at = 0;
  }
  if (listener.seen_at == 0 && !asked.gaps.empty()) {
    listener.seen_to = asked.to;
    listener.seen_at = page.next;
  }
  return closed;
}

/// Shards that have taken rows a while ago write down which: a segment can be dropped only when they have.
void Intake::ask_for_cursors() {
  const std::lock_guard lock(mutex_);
  const auto due = model::BootClock::now() - upkeep_.cursor_pause;
  for (auto& [shard, listener] : listeners_) {
    if (!listener.is_busy && listener.unwritten_since && *listener.unwritten_since <= due) {
      listener.is_busy = true;
      caf::anon_send(listener.actor, OutsideRows{.generation = listener.generation,
                                                 .round = listener.standing.round,
                                                 .rows = {},
                                                 .closed_to = {},
                                                 .cursor = OutsideRows::Cursor::now});
    }
  }
}

void Intake::tend() {
  const auto now = model::BootClock::now();
  if (now - tended_at_ < std::min(tend_pause, upkeep_.cursor_pause)) {
    return;
  }
  tended_at_ = now;
  if (const auto done = reader_->tend(upkeep_); !done.ok()) {
    spdlog::warn("outside-segments-not-tended why=\"{}\"", done.error().detail);
  }
}

} // namespace turnwise::actors
