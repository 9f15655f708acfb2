// What time does to a mailbox: whose turn is next, when to look again, and what has run out.
#include <algorithm>
#include <utility>

#include "model/limits.hpp"
#include "model/mailbox.hpp"
#include "model/test_hooks.hpp"

namespace turnwise::model {

// ── Whose turn is next ───────────────────────────────────────────────────────────────────────────────────────────────────

bool Mailbox::is_busy() const {
  return running_ != nobody && !TURNWISE_MUTANT("M10");
}

/// The oldest job of the queue: nothing younger starts before it.
const Entry* Mailbox::next_up() const {
  return queue_.first_where([](const Entry& entry) {
    const bool passed_over = (entry.state == JobState::running && TURNWISE_MUTANT("M10")) ||
                             (entry.state == JobState::retrying && TURNWISE_MUTANT("M12"));
    return !passed_over;
  });
}

Head Mailbox::head(Now now) const {
  const Entry* next = next_up();
  if (next == nullptr) {
    return {};
  }
  const auto told = [next](Head::Status status) { return Head{status, next->number, next->kind}; };
  if (is_busy()) {
    return told(running()->type == EntryType::job ? Head::Status::busy : Head::Status::held);
  }
  if (next->state == JobState::halted || is_paused()) {
    return told(Head::Status::stopped);
  }
  if (next->state == JobState::retrying && next->due > now.wall) {
    return told(Head::Status::later);
  }
  return told(Head::Status::ready);
}

// ── When to look again ───────────────────────────────────────────────────────────────────────────────────────────────────

std::optional<MonoTime> Mailbox::next_timer(Now now) const {
  std::optional<MonoTime> earliest;
  const auto consider = [&earliest](MonoTime moment) { earliest = earliest ? std::min(*earliest, moment) : moment; };
  if (const Entry* holder = running()) {
    consider(std::min(holder->turn->deadline, holder->turn->timeout_at));
  } else if (const Head next = head(now); next.status == Head::Status::later) {
    consider(now.at(find(next.entry)->due));
  }
  if (rare_ && !rare_->alarms.empty()) {
    consider(now.at(rare_->alarms.top().at));
  }
  if (rare_) {
    for (const auto& [number, hold] : rare_->waiting_holds) {
      consider(hold.give_up_at);
    }
  }
  return earliest;
}

// ── What has run out ─────────────────────────────────────────────────────────────────────────────────────────────────────

void Mailbox::decide(Tick& command, const Context& context, std::vector<Action>& actions) {
  end_overdue_turn(command, context, actions);
  settle_alarms(context, actions);
  give_up_waits(context, actions);
}

void Mailbox::end_overdue_turn(const Tick& tick, const Context& context, std::vector<Action>& actions) {
  const Entry* holder = running();
  if (holder == nullptr) {
    return;
  }
  const Turn& turn = *holder->turn;
  const MonoTime now = context.now.mono;
  if (now < turn.deadline && now < turn.timeout_at) {
    return;
  }
  if (tick.endings == Tick::Endings::when_cleared && tick.cleared != holder->number) {
    actions.emplace_back(WantsEnd{holder->number});
    return;
  }
  if (holder->type == EntryType::hold) {
    record(holder->number, HoldExpired{}, context, actions);
    return;
  }
  const bool timed_out = turn.timeout_at <= turn.deadline;
  end_attempt(*holder, timed_out ? FailureCause::timed_out : FailureCause::expired,
              timed_out ? "The attempt ran longer than its timeout." : "The worker was silent for longer than its lease.",
              Retry::by_policy, std::nullopt, context, actions);
}

/// Lets what has run out take effect, up to a bound; returns whether nothing is left. An alarm only says that its entry should
/// be looked at: what it was set for may have changed since.
bool Mailbox::settle_alarms(const Context& context, std::vector<Action>& actions) {
  const WallTime now = context.now.wall;
  std::size_t records = 0;
  while (rare_ && !rare_->alarms.empty() && rare_->alarms.top().at <= now) {
    if (records == tick_records_max) {
      return false;
    }
    const Alarm alarm = rare_->alarms.top();
    rare_->alarms.pop();
    const Entry* entry = find(alarm.entry);
    if (entry == nullptr) {
      continue;
    }
    if (is_expired(*entry, now)) {
      record(alarm.entry, WaitExpired{}, context, actions);
      ++records;
    } else if (entry->state == JobState::scheduled && entry->due <= now) {
      record(alarm.entry, Due{}, context, actions);
      ++records;
    }
  }
  return true;
}

/// Whether the job waits although its expires_at has passed. Once a job has been started, only its backing off counts as
/// waiting: what was given back unused, or retried by hand, stays.
bool Mailbox::is_expired(const Entry& entry, WallTime now) const {
  const bool waits = entry.state == JobState::scheduled || entry.state == JobState::retrying ||
                     (entry.state == JobState::waiting && entry.attempt.value() == 0);
  const auto expiration = rare_->expirations.find(entry.number);
  return waits && expiration != rare_->expirations.end() && expiration->second <= now;
}

void Mailbox::set_alarm(EntryNumber entry, WallTime at) {
  rare().alarms.push({at, entry});
  prune_alarms();
}

void Mailbox::set_expiry(EntryNumber entry, std::optional<WallTime> at) {
  if (at) {
    rare().expirations[entry] = *at;
    set_alarm(entry, *at);
  } else if (rare_) {
    rare_->expirations.erase(entry);
  }
}

/// Of a job that backs off from now on: its alarm may have gone off, in vain, while it ran.
void Mailbox::renew_expiry_alarm(EntryNumber entry) {
  if (!rare_) {
    return;
  }
  if (const auto expiration = rare_->expirations.find(entry); expiration != rare_->expirations.end()) {
    set_alarm(entry, expiration->second);
  }
}

/// Alarms of closed entries stay until they go off: when those outnumber the rest, the rest is set anew.
void Mailbox::prune_alarms() {
  constexpr std::size_t slack = 16;
  if (rare_->alarms.size() <= 2 * (rare_->outside.size() + rare_->expirations.size()) + slack) {
    return;
  }
  Alarms kept;
  rare_->outside.for_each([&kept](const Entry& entry) {
    if (entry.state == JobState::scheduled) {
      kept.push({entry.due, entry.number});
    }
  });
  for (const auto& [entry, at] : rare_->expirations) {
    kept.push({at, entry});
  }
  rare_->alarms = std::move(kept);
}

} // namespace turnwise::model
