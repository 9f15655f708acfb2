// Kinds that a runner pushes: which they are, how an attempt goes to the courier, and what comes back.
#include <algorithm>
#include <set>
#include <utility>

#include <spdlog/spdlog.h>

#include "app/handlers/runner_loop.hpp"
#include "app/logging/logging.hpp"
#include "app/push/courier.hpp"
#include "model/job_id.hpp"
#include "model/limits.hpp"
#include "model/record.hpp"
#include "model/subject.hpp"

namespace turnwise::handlers {

namespace {

using logging::quoted;
using Verb = actors::Answer::Verb;

actors::Answer given_back(std::optional<milliseconds> for_as_long) {
  actors::Answer answer;
  answer.verb = Verb::release;
  answer.retry_after = for_as_long;
  return answer;
}

} // namespace

// ── Which kinds ──────────────────────────────────────────────────────────────────────────────────────────────────────────

void RunnerLoop::on(PushKindsSet& event) {
  if (pushing_.courier == nullptr) {
    return;
  }
  if (event.kinds.size() > push_kinds_max) {
    spdlog::warn("runner.too_many_push_kinds count={} pushed={}", event.kinds.size(), push_kinds_max);
    event.kinds.resize(push_kinds_max);
  }
  std::set<std::string> named;
  for (auto& kind : event.kinds) {
    named.insert(kind.kind);
    set_push_kind(std::move(kind));
  }
  for (auto& slots : kinds_) {
    if (std::holds_alternative<PushKind>(slots.how) && !named.contains(slots.kind)) {
      slots.concurrency = 0;
      abandon_claim(slots);
    }
  }
}

void RunnerLoop::set_push_kind(PushKind kind) {
  auto slots = std::ranges::find(kinds_, kind.kind, &Slots::kind);
  if (slots != kinds_.end() && !std::holds_alternative<PushKind>(slots->how)) {
    spdlog::warn("runner.kind_not_pushed kind={} reason=\"this node runs it itself\"", quoted(kind.kind));
    return;
  }
  if (slots == kinds_.end()) { // in the place of one that is gone for good, if there is one
    slots = std::ranges::find_if(kinds_, [](const Slots& each) {
      return std::holds_alternative<PushKind>(each.how) && each.concurrency == 0 && each.taken == 0;
    });
  }
  if (slots == kinds_.end()) {
    slots = kinds_.insert(kinds_.end(), Slots{});
  }
  slots->kind = kind.kind;
  slots->worker = worker_name("push@");
  slots->concurrency = std::clamp(kind.concurrency, 1U, kind_concurrency_max);
  slots->how = std::move(kind);
}

// ── One attempt ──────────────────────────────────────────────────────────────────────────────────────────────────────────

void RunnerLoop::run_push(AttemptNumber number, const PushKind& kind, model::Grant grant) {
  const auto& attempt = attempts_.at(number);
  push::Delivery delivery;
  delivery.target = kind.target;
  delivery.job = attempt.job;
  delivery.subject = std::move(grant.subject);
  delivery.kind = std::move(grant.kind);
  delivery.payload = grant.payload.empty() ? "null" : std::move(grant.payload);
  delivery.receipt = model::to_string(attempt.receipt);
  delivery.traceparent = std::move(grant.traceparent);
  delivery.attempt = grant.attempt;
  delivery.fencing_token = grant.fencing_token;
  delivery.lease = grant.lease;
  pushing_.courier->deliver(std::move(delivery), attempt.stop.get_token(), [inbox = inbox_, number](push::Outcome outcome) {
    inbox->push(PushEnded{number, std::move(outcome)});
  });
}

void RunnerLoop::on(PushEnded& event) {
  const auto entry = attempts_.find(event.attempt);
  if (entry == attempts_.end()) {
    return;
  }
  std::visit(model::Overloaded{[&](push::HandedOver&) { hand_over(entry); }, [&](push::Later& later) { put_off(entry, later); },
                               [&](push::Gone& gone) { stop_pushing(entry, gone); },
                               [&](auto& result) { end(entry, std::move(result)); }},
             event.outcome);
}

/// From now on the attempt is the receiver's, who has the receipt. A last heartbeat gives it a whole lease from the moment of
/// its answer on; whether that was heard it learns from its own first one.
void RunnerLoop::hand_over(Attempts::iterator entry) {
  const auto& attempt = entry->second;
  if (attempt.interruption < Interruption::lease_lost) {
    actors::Answer heartbeat;
    heartbeat.receipt = attempt.receipt;
    heartbeat.verb = Verb::heartbeat;
    say(entry->first, std::move(heartbeat));
  }
  forget(entry);
}

void RunnerLoop::put_off(Attempts::iterator entry, const push::Later& later) {
  auto& attempt = entry->second;
  if (attempt.interruption >= Interruption::lease_lost) {
    forget(entry);
    return;
  }
  spdlog::info("runner.push_put_off kind={} subject={} job={} after_ms={} answer={}", quoted(kinds_[attempt.kind].kind),
               quoted(attempt.subject), attempt.job, later.after.count(), quoted(later.why));
  conclude(attempt, given_back(later.after));
}

void RunnerLoop::stop_pushing(Attempts::iterator entry, const push::Gone& gone) {
  auto& attempt = entry->second;
  auto& slots = kinds_[attempt.kind];
  spdlog::warn("runner.push_gone kind={} subject={} job={} answer={}", quoted(slots.kind), quoted(attempt.subject), attempt.job,
               quoted(gone.why));
  if (pushing_.gone) {
    pushing_.gone(slots.kind, gone.why);
  }
  rest_kind(slots);
  if (attempt.interruption >= Interruption::lease_lost) {
    forget(entry);
  } else {
    conclude(attempt, given_back({}));
  }
}

} // namespace turnwise::handlers
