// Attempts: giving the turn, and what workers say about it.
#include <algorithm>
#include <utility>

#include "model/limits.hpp"
#include "model/mailbox.hpp"
#include "model/moments.hpp"
#include "model/subject.hpp"
#include "model/test_hooks.hpp"

namespace turnwise::model {

namespace {

/// What a claim meets at the entry that it names.
enum class Standing : std::uint8_t {
  current,  ///< it is the latest attempt, and may be answered
  foreign,  ///< it is, and somebody else's
  stale,    ///< it is not
  answered, ///< it was answered before, or the job is closed: the journal knows
};

Standing standing_of(const Entry* entry, const Claim& claim) {
  if (entry == nullptr) {
    return Standing::answered;
  }
  const bool latest = claim.attempt == entry->attempt;
  if (!entry->turn) {
    return latest ? Standing::answered : Standing::stale;
  }
  if (!latest) {
    return TURNWISE_MUTANT("M6") ? Standing::current : Standing::stale;
  }
  if (claim.nonce != entry->turn->nonce && !TURNWISE_MUTANT("M7")) {
    return Standing::stale;
  }
  return may_answer(entry->turn->claimant, claim.claimant) ? Standing::current : Standing::foreign;
}

bool can_start(const Entry& entry, WallTime now) {
  return entry.state == JobState::waiting || (entry.state == JobState::retrying && entry.due <= now);
}

Outcome present_outcome(const Entry& entry) {
  return {entry.state, entry.state == JobState::retrying ? std::optional{entry.due} : std::nullopt};
}

/// The lease of an open turn from now on: it never reaches past the attempt's timeout, since the worker relies on all of it.
/// @returns what the worker is told.
milliseconds extend_lease(Turn& turn, MonoTime now) {
  const MonoTime end = lease_end(now, turn.policy.lease);
  if (end <= turn.timeout_at) {
    turn.deadline = end;
    return turn.policy.lease;
  }
  turn.deadline = turn.timeout_at;
  return longest_lease(now, turn.timeout_at);
}

JobState state_without_attempts(OnFailure policy) {
  switch (policy) {
  case OnFailure::park:
    return JobState::parked;
  case OnFailure::halt:
    return JobState::halted;
  case OnFailure::discard:
    return JobState::failed;
  }
  return JobState::parked;
}

} // namespace

void Mailbox::decide(Start& command, const Context& context, std::vector<Action>& actions) {
  const Now now = context.now;
  // Since the last tick an older job may have become due, or this one may have waited too long.
  const bool settled = settle_alarms(context, actions);
  const Entry* next = next_up();
  const bool is_meant = next != nullptr && next->type == EntryType::job && next->kind == command.kind &&
                        (command.only == nobody || next->number == command.only);
  if (!settled || is_busy() || is_paused() || !is_meant || !can_start(*next, now.wall)) {
    actions.emplace_back(Reply{std::move(command.ticket), NothingToStart{}});
    return;
  }
  const EntryNumber number = next->number;
  const Attempt attempt{next->attempt.value() + 1};
  const auto queued = std::chrono::duration_cast<milliseconds>(now.wall - next->due);
  record(number, Started{attempt, command.nonce, std::move(command.worker), command.policy, std::move(command.claimant)},
         context, actions);
  Turn& turn = *find(number)->turn;
  turn.timeout_at = timeout_end(now.mono, command.policy.timeout);
  const milliseconds lease = extend_lease(turn, now.mono);
  Grant grant{
      .shard = context.shard,
      .entry = number,
      .attempt = attempt,
      .nonce = command.nonce,
      .fencing_token = {},
      .lease = lease,
      .deadline = turn.deadline,
      .queued = std::max(queued, milliseconds{0}), // the clock of PostgreSQL may have been set back
      .subject = {},
      .kind = context.kinds.name(command.kind),
      .payload = {},
      .metadata = {},
      .traceparent = {},
  };
  actions.emplace_back(Reply{std::move(command.ticket), std::move(grant)});
}

template <class Answer>
Entry* Mailbox::claimed(Answer& command, std::vector<Action>& actions) {
  Entry* entry = find_job(command.claim.entry);
  switch (standing_of(entry, command.claim)) {
  case Standing::current:
    return entry;
  case Standing::answered:
    actions.emplace_back(AskJournal{std::move(command)});
    return nullptr;
  case Standing::foreign:
    actions.emplace_back(Reply{std::move(command.ticket), claimed_by_another()});
    return nullptr;
  case Standing::stale:
    break;
  }
  Error error{Errc::stale_fence, "This receipt is not the one of the job's latest attempt; drop the work it stood for.", {}};
  actions.emplace_back(Reply{std::move(command.ticket), std::move(error)});
  return nullptr;
}

void Mailbox::decide(Complete& command, const Context& context, std::vector<Action>& actions) {
  const Entry* entry = find_job(command.claim.entry);
  const bool is_committed = command.outside != OutsideId{} && entry != nullptr && !entry->turn && !is_final(entry->state) &&
                            entry->attempt == command.claim.attempt;
  if (!is_committed) {
    entry = claimed(command, actions);
  }
  if (entry == nullptr) {
    return;
  }
  record(entry->number, Succeeded{command.claim.attempt, std::move(command.result), command.outside}, context, actions);
  actions.emplace_back(Reply{std::move(command.ticket), Outcome{JobState::succeeded, std::nullopt}});
}

void Mailbox::decide(Fail& command, const Context& context, std::vector<Action>& actions) {
  const Entry* entry = claimed(command, actions);
  if (entry == nullptr) {
    return;
  }
  const Outcome outcome = entry->turn->open ? end_attempt(*entry, FailureCause::failed, command.error, command.retry,
                                                          command.retry_after, context, actions)
                                            : present_outcome(*entry);
  actions.emplace_back(Reply{std::move(command.ticket), outcome});
}

void Mailbox::decide(Release& command, const Context& context, std::vector<Action>& actions) {
  const Entry* entry = claimed(command, actions);
  if (entry == nullptr) {
    return;
  }
  Outcome outcome = present_outcome(*entry);
  if (entry->turn->open && entry->turn->cancel_requested) {
    outcome = end_attempt(*entry, FailureCause::failed, "Given back after somebody asked the job to stop.", Retry::by_policy,
                          std::nullopt, context, actions);
  } else if (entry->turn->open) {
    std::optional<WallTime> retry_at;
    if (command.retry_after) {
      retry_at = context.now.wall + bounded(*command.retry_after);
    }
    record(entry->number, Released{command.claim.attempt, retry_at}, context, actions);
    outcome = {retry_at ? JobState::retrying : JobState::waiting, retry_at};
  }
  actions.emplace_back(Reply{std::move(command.ticket), outcome});
}

void Mailbox::decide(Heartbeat& command, const Context& context, std::vector<Action>& actions) {
  Entry* entry = claimed(command, actions);
  if (entry == nullptr) {
    return;
  }
  Turn& turn = *entry->turn;
  if (!turn.open) {
    Error error{
        Errc::stale_fence, "The lease of this attempt has ended. A success is still taken until the next attempt starts.", {}};
    actions.emplace_back(Reply{std::move(command.ticket), std::move(error)});
    return;
  }
  const milliseconds lease = extend_lease(turn, context.now.mono);
  actions.emplace_back(Reply{std::move(command.ticket), Extended{lease, turn.cancel_requested}});
}

/// Ends the open turn of `entry` without success and decides what becomes of the job. `entry` may be gone afterwards.
Outcome Mailbox::end_attempt(const Entry& entry, FailureCause cause, std::string_view error, Retry retry,
                             std::optional<milliseconds> retry_after, const Context& context, std::vector<Action>& actions) {
  const Policy& policy = entry.turn->policy;
  const std::uint32_t failures = entry.failures + 1;
  Outcome outcome{JobState::retrying, std::nullopt};
  if (entry.turn->cancel_requested) {
    outcome.state = JobState::cancelled;
  } else if (retry == Retry::never || failures >= policy.max_attempts) {
    outcome.state = state_without_attempts(policy.on_failure);
  } else {
    const milliseconds wait = retry_after ? *retry_after : backoff_delay(policy.backoff, failures, context.random);
    outcome.retry_at = context.now.wall + bounded(wait);
  }
  AttemptFailed body{entry.attempt, cause, outcome.state, outcome.retry_at, to_utf8(error, error_bytes_max)};
  record(entry.number, std::move(body), context, actions);
  return outcome;
}

} // namespace turnwise::model
