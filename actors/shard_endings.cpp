// Turns that users' transactions may rely on (turnwise.guard, turnwise.complete). Whatever would end one first has it locked,
// and asks whether a committed transaction has completed it: then that holds. When a transaction relies on it now, the ending
// waits, and the lease stays as it is. The lock is kept until the end is durable, when whoever looks the turn up finds that it
// has ended.
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/spdlog.h>

#include "actors/shard.hpp"
#include "model/test_hooks.hpp"

namespace turnwise::actors {
namespace {

constexpr milliseconds in_use_pause{50};
/// A row of turnwise.complete() that is there will be taken over at once.
constexpr milliseconds completion_pause{10};
constexpr milliseconds tell_after{5'000};

} // namespace

/// Whether the command would end a turn that somebody may rely on. A success is wanted by whoever relies on it.
bool Shard::ends_turn(const model::Command& command) {
  return std::holds_alternative<model::Fail>(command) || std::holds_alternative<model::Release>(command) ||
         std::holds_alternative<model::ReleaseHold>(command);
}

void Shard::end_turn(EntryCommand command) {
  if (TURNWISE_MUTANT("M22")) { // turns are ended although a transaction relies on them
    pass_on(std::move(command));
    return;
  }
  const model::EntryNumber entry = command.entry;
  const bool is_overdue = std::holds_alternative<model::Tick>(command.command);
  const auto [place, is_new] = endings_.try_emplace(entry);
  Ending& ending = place->second;
  if (is_overdue && std::exchange(ending.is_overdue, true)) {
    return; // each tick says so
  }
  ending.commands.push_back(std::move(command));
  if (is_new) {
    ending.since = model::BootClock::now();
    context_.intake->judge(generation_, {id_, entry, storage::TurnToEnd::Holders::keep});
  }
}

void Shard::turn_judged(const TurnJudged& message) {
  using Is = storage::TurnVerdict::Is;
  const auto found = endings_.find(message.entry);
  if (message.generation != generation_) {
    return; // the intake knows that the shard has moved on
  }
  if (found == endings_.end()) { // asked twice
    if (message.verdict.is == Is::locked) {
      context_.intake->unlock(id_, message.entry);
    }
    return;
  }
  const storage::TurnVerdict& verdict = message.verdict;
  if (verdict.is == Is::locked || (verdict.is == Is::completed && outside_.book.has(verdict.completion))) {
    let_end(message.entry, verdict.is);
    return;
  }
  Ending& ending = found->second;
  if (!ending.is_told && model::BootClock::now() - ending.since > tell_after) {
    ending.is_told = true;
    spdlog::warn("turn-kept-open shard={} entry={} why=\"a transaction of a user relies on it\"", id_.value(),
                 message.entry.value());
  }
  self_->delayed_send(self_, verdict.is == Is::completed ? completion_pause : in_use_pause,
                      JudgeAgain{generation_, message.entry});
}

void Shard::judge_again(const JudgeAgain& message) {
  const auto found = endings_.find(message.entry);
  if (message.generation == generation_ && found != endings_.end()) {
    using Holders = storage::TurnToEnd::Holders;
    const bool is_too_long = model::BootClock::now() - found->second.since > context_.config.guard_max;
    context_.intake->judge(generation_, {id_, message.entry, is_too_long ? Holders::end : Holders::keep});
  }
}

/// The turn may be ended now; perhaps it has been meanwhile. The mark that follows says when all is decided.
void Shard::let_end(model::EntryNumber entry, storage::TurnVerdict::Is verdict) {
  Ending ending = std::move(endings_.extract(entry).mapped());
  const auto turn = turns_.find(entry);
  Slot* slot = turn == turns_.end() ? nullptr : turn->second;
  for (EntryCommand& command : ending.commands) {
    if (slot != nullptr || !std::holds_alternative<model::Tick>(command.command)) {
      pass_on(std::move(command));
    }
  }
  if (verdict != storage::TurnVerdict::Is::locked) {
    return;
  }
  if (slot != nullptr) {
    enqueue(*slot, model::ListOpen{{}, {}, 0, ending_round + entry.value()});
  } else {
    context_.intake->unlock(id_, entry);
  }
}

} // namespace turnwise::actors
