// Turns for outside code, and subjects that an operator has stopped.
#include <algorithm>
#include <utility>

#include "model/limits.hpp"
#include "model/mailbox.hpp"
#include "model/moments.hpp"

namespace turnwise::model {

namespace {

Entry waiting_hold(EntryNumber number) {
  return {.number = number,
          .due = {},
          .turn = nullptr,
          .kind = {},
          .attempt = {},
          .failures = 0,
          .state = JobState::waiting,
          .type = EntryType::hold};
}

} // namespace

// ── Holds ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

void Mailbox::decide(TakeHold& command, const Context& context, std::vector<Action>& actions) {
  settle_alarms(context, actions); // a job that has become due stands before the hold
  if (!is_free() && command.on_busy == OnBusy::defer) {
    Submit submit{command.entry, std::move(*command.deferred), std::move(command.ticket)};
    decide(submit, context, actions);
    return;
  }
  const MonoTime give_up_at = command.arrived + std::min(bounded(command.wait), hold_wait_max);
  if (!is_free() && (command.on_busy == OnBusy::skip || give_up_at <= context.now.mono)) {
    actions.emplace_back(Reply{std::move(command.ticket), say_busy(context.now)});
    return;
  }
  if (rare().waiting_holds.size() >= waiting_holds_max) {
    Error error{Errc::backlog_full, "As many holds as may be wait for a turn on this subject already.", {}};
    actions.emplace_back(Reply{std::move(command.ticket), std::move(error)});
    return;
  }
  // It stands in the queue from now on; when nothing is before it, grant_hold() gives it the turn at once.
  queue_.insert(waiting_hold(command.entry));
  rare().waiting_holds.emplace(command.entry, WaitingHold{std::move(command.subject), std::move(command.owner),
                                                          bounded(command.ttl), command.arrived, give_up_at,
                                                          std::move(command.ticket), std::move(command.claimant)});
}

/// Gives the turn to the hold that is next, if one is.
void Mailbox::grant_hold(const Context& context, std::vector<Action>& actions) {
  const auto hold_is_next = [this] {
    const bool may_be = rare_ && !rare_->waiting_holds.empty() && !is_busy() && !is_paused();
    const Entry* next = may_be ? next_up() : nullptr;
    return next != nullptr && next->type == EntryType::hold;
  };
  // An older job may have become due since the last tick.
  if (!hold_is_next() || !settle_alarms(context, actions) || !hold_is_next()) {
    return;
  }
  const EntryNumber number = next_up()->number;
  WaitingHold hold = std::move(rare_->waiting_holds.extract(number).mapped());
  const milliseconds ttl = hold.ttl;
  record(number, Held{std::move(hold.subject), std::move(hold.owner), ttl, std::move(hold.claimant)}, context, actions);
  Turn& turn = *find(number)->turn;
  turn.deadline = lease_end(context.now.mono, ttl);
  const auto waited = std::chrono::floor<milliseconds>(context.now.mono - hold.arrived);
  actions.emplace_back(Reply{std::move(hold.ticket), HoldGrant{.shard = context.shard,
                                                               .entry = number,
                                                               .fencing_token = {},
                                                               .ttl = ttl,
                                                               .waited = std::max(waited, milliseconds{0}),
                                                               .expires_at = context.now.wall + ttl}});
}

/// Those who have waited long enough leave the queue.
void Mailbox::give_up_waits(const Context& context, std::vector<Action>& actions) {
  if (!rare_) {
    return;
  }
  for (auto hold = rare_->waiting_holds.begin(); hold != rare_->waiting_holds.end();) {
    if (hold->second.give_up_at > context.now.mono) {
      ++hold;
      continue;
    }
    queue_.take(hold->first);
    actions.emplace_back(Reply{std::move(hold->second.ticket), say_busy(context.now)});
    hold = rare_->waiting_holds.erase(hold);
  }
  drop_rare_if_empty();
}

std::vector<Ticket> Mailbox::take_waiting() {
  std::vector<Ticket> tickets;
  if (rare_) {
    for (auto& [number, hold] : std::exchange(rare_->waiting_holds, {})) {
      queue_.take(number);
      tickets.push_back(std::move(hold.ticket));
    }
    drop_rare_if_empty();
  }
  return tickets;
}

template <class Answer>
Entry* Mailbox::claimed_hold(Answer& command, std::vector<Action>& actions) {
  Entry* entry = find(command.entry);
  if (entry == nullptr || entry->type != EntryType::hold || !entry->turn) {
    actions.emplace_back(Reply{std::move(command.ticket), Error{Errc::stale_fence, "The hold has ended.", {}}});
    return nullptr;
  }
  if (!may_answer(entry->turn->claimant, command.claimant)) {
    actions.emplace_back(Reply{std::move(command.ticket), claimed_by_another()});
    return nullptr;
  }
  return entry;
}

void Mailbox::decide(RenewHold& command, const Context& context, std::vector<Action>& actions) {
  Entry* hold = claimed_hold(command, actions);
  if (hold == nullptr) {
    return;
  }
  const milliseconds ttl = bounded(command.ttl.value_or(hold->turn->policy.lease));
  if (ttl > hold->turn->policy.lease) {
    record(command.entry, HoldProlonged{ttl}, context, actions);
  }
  // Never earlier than what was told before: the owner counts on that until it has this answer.
  hold->turn->deadline = std::max(hold->turn->deadline, lease_end(context.now.mono, ttl));
  actions.emplace_back(Reply{std::move(command.ticket), Extended{ttl, false}});
}

void Mailbox::decide(ReleaseHold& command, const Context& context, std::vector<Action>& actions) {
  if (claimed_hold(command, actions) == nullptr) {
    return;
  }
  record(command.entry, HoldReleased{}, context, actions);
  actions.emplace_back(Reply{std::move(command.ticket), HoldGone{}});
}

void Mailbox::fold(EntryNumber number, const Held& body, WallTime at, Sequence sequence) {
  Entry* entry = find(number);
  if (entry == nullptr) {
    entry = &queue_.insert(waiting_hold(number));
  }
  Policy policy;
  policy.lease = body.ttl;
  entry->state = JobState::running;
  entry->turn = std::make_unique<Turn>(Turn{
      .nonce = {},
      .worker = body.owner,
      .policy = policy,
      .started_at = at,
      .token = FencingToken{sequence.value()},
      .deadline = MonoTime::max(), // as of a job's turn: who decides or adopts knows the time
      .timeout_at = MonoTime::max(),
      .claimant = body.claimant,
  });
  running_ = number;
}

void Mailbox::fold(Entry& entry, const HoldProlonged& body) {
  if (entry.turn) {
    entry.turn->policy.lease = body.ttl;
  }
}

// ── Pauses ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

void Mailbox::decide(Pause& command, const Context& context, std::vector<Action>& actions) {
  const EntryNumber number = is_paused() ? rare_->pause->number : command.entry;
  record(number, Paused{std::move(command.subject), std::move(command.by), std::move(command.why)}, context, actions);
  actions.emplace_back(Reply{std::move(command.ticket), PauseChanged{pause_view()}});
}

void Mailbox::decide(Resume& command, const Context& context, std::vector<Action>& actions) {
  if (is_paused()) {
    record(rare_->pause->number, Resumed{std::move(command.by)}, context, actions);
  }
  actions.emplace_back(Reply{std::move(command.ticket), PauseChanged{}});
}

void Mailbox::fold(EntryNumber number, const Paused& body, WallTime at) {
  rare().pause = PauseEntry{number, {body.by, body.why, at}};
}

void Mailbox::fold(EntryNumber number, const Resumed& /*body*/) {
  if (is_paused() && rare_->pause->number == number) {
    rare_->pause.reset();
    drop_rare_if_empty();
  }
}

std::optional<PauseView> Mailbox::pause_view() const {
  return is_paused() ? std::optional{rare_->pause->words} : std::nullopt;
}

SubjectBusy Mailbox::say_busy(Now now) const {
  return {turn_view(now), pause_view(), queue_.size()};
}

} // namespace turnwise::model
