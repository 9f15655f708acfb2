// What a runner does about one attempt: keeps its lease, interrupts it, and brings its outcome back.
#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/client/retry.hpp"
#include "app/handlers/runner_loop.hpp"
#include "app/logging/logging.hpp"
#include "model/limits.hpp"
#include "model/record.hpp"
#include "model/subject.hpp"

namespace turnwise::handlers {

namespace {

using logging::quoted;
using model::BootClock;
using model::Errc;
using model::MonoTime;
using Verb = actors::Answer::Verb;

/// Whether the same words may be taken later. Everything else is the engine's last word on this attempt. Unlike a client, the
/// node goes on after a fault of its own: nobody else knows the outcome.
bool may_pass(Errc code) {
  return client::is_transient(code) || code == Errc::internal;
}

std::string in_words(milliseconds span) {
  return span.count() % 1'000 == 0 ? fmt::format("{}s", span.count() / 1'000) : fmt::format("{}ms", span.count());
}

std::string error_of(const HandlerResult& result) {
  if (const auto* later = std::get_if<RetryLater>(&result)) {
    return later->error;
  }
  const auto* never = std::get_if<GiveUp>(&result);
  return never == nullptr ? std::string{} : never->error;
}

actors::Answer unused() {
  actors::Answer answer;
  answer.verb = Verb::release;
  return answer;
}

actors::Answer failure(std::string error, model::Retry retry, std::optional<milliseconds> after) {
  actors::Answer answer;
  answer.verb = Verb::fail;
  answer.text = model::to_utf8(error, model::error_bytes_max);
  answer.retry = retry;
  answer.retry_after = after;
  return answer;
}

actors::Answer in_full(HandlerResult result) {
  return std::visit(
      model::Overloaded{[](Success& success) {
                          actors::Answer answer;
                          answer.verb = Verb::complete;
                          answer.text = to_json_result(success.result);
                          return answer;
                        },
                        [](RetryLater& later) { return failure(std::move(later.error), model::Retry::by_policy, later.after); },
                        [](GiveUp& never) { return failure(std::move(never.error), model::Retry::never, {}); }},
      result);
}

} // namespace

// ── While it runs ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Does what is due about one attempt. @returns when to look again
MonoTime RunnerLoop::attend(AttemptNumber number, Attempt& attempt, MonoTime now) {
  if (attempt.running() && attempt.timeout_at && now >= *attempt.timeout_at) {
    interrupt(attempt, Interruption::timed_out);
  }
  if (now >= attempt.deadline) {
    interrupt(attempt, Interruption::lease_lost);
  }
  if (attempt.needs_heartbeats() && now >= attempt.heartbeat_at) {
    actors::Answer heartbeat;
    heartbeat.receipt = attempt.receipt;
    heartbeat.verb = Verb::heartbeat;
    say(number, std::move(heartbeat));
    attempt.heartbeat_at = now + attempt.lease / 3;
  }
  if (attempt.outcome && now >= attempt.outcome_at) {
    say(number, *attempt.outcome);
    attempt.outcome_on_its_way = true;
    attempt.outcome_at = now + config_.answer_wait;
  }
  return attempt.next_timer();
}

void RunnerLoop::interrupt(Attempt& attempt, Interruption why) {
  if (why <= attempt.interruption) {
    return;
  }
  attempt.interruption = why;
  if (!attempt.running()) {
    return;
  }
  spdlog::info("runner.interrupt kind={} subject={} job={} reason={}", quoted(kinds_[attempt.kind].kind),
               quoted(attempt.subject), attempt.job, name(why));
  attempt.stop.request_stop();
  if (attempt.command) {
    // Without a lease the next attempt may be running any moment.
    spawner_->kill(*attempt.command, why >= Interruption::lease_lost ? milliseconds{0} : grace_of(attempt));
  }
}

void RunnerLoop::heartbeat_answered(Attempts::iterator entry, const Answered& event) {
  auto& attempt = entry->second;
  if (const auto* extended = std::get_if<model::Extended>(&event.response)) {
    attempt.deadline = std::max(attempt.deadline, event.sent + extended->lease);
    if (extended->cancel) {
      interrupt(attempt, Interruption::cancelled);
    }
    return;
  }
  const auto* error = std::get_if<model::Error>(&event.response);
  if (error == nullptr || may_pass(error->code)) {
    attempt.heartbeat_at =
        std::min(attempt.heartbeat_at, BootClock::now() + std::min(config_.retry_wait_max, attempt.lease / 6));
    return;
  }
  interrupt(attempt, Interruption::superseded);
  if (!attempt.running()) {
    forget(entry);
  }
}

// ── When it has ended ────────────────────────────────────────────────────────────────────────────────────────────────────

void RunnerLoop::on(CommandEnded& event) {
  const auto entry = attempts_.find(event.attempt);
  if (entry == attempts_.end()) {
    return;
  }
  const bool by_node = event.end.how == CommandEnd::How::refused || event.end.how == CommandEnd::How::lost;
  const auto why = entry->second.interruption;
  if (by_node && (why == Interruption::none || why == Interruption::stopping)) {
    end_unused(entry->second, event.end.error);
  } else {
    end(entry, outcome_of(event.end));
  }
}

/// The node could not run the command, and that is not the job's fault. Nothing more is claimed for its kind for a while: it
/// would come to the same end.
void RunnerLoop::end_unused(Attempt& attempt, std::string_view why) {
  auto& slots = kinds_[attempt.kind];
  spdlog::warn("runner.command_refused kind={} subject={} job={} error={}", quoted(slots.kind), quoted(attempt.subject),
               attempt.job, quoted(why));
  rest_kind(slots);
  conclude(attempt, unused());
}

void RunnerLoop::rest_kind(Slots& slots) {
  abandon_claim(slots);
  slots.claim_at = BootClock::now() + config_.retry_wait_max;
}

void RunnerLoop::on(HandlerEnded& event) {
  if (const auto entry = attempts_.find(event.attempt); entry != attempts_.end()) {
    end(entry, std::move(event.result));
  }
}

void RunnerLoop::end(Attempts::iterator entry, HandlerResult result) {
  if (auto answer = answer_to(entry->second, std::move(result))) {
    conclude(entry->second, std::move(*answer));
  } else {
    forget(entry);
  }
}

void RunnerLoop::conclude(Attempt& attempt, actors::Answer answer) {
  answer.receipt = attempt.receipt;
  attempt.outcome = std::move(answer);
  attempt.outcome_at = BootClock::now();
  attempt.outcome_until = std::max(attempt.deadline, attempt.outcome_at) + config_.outcome_grace;
}

/// What is to be said about an attempt that has ended; nothing when nothing would count.
std::optional<actors::Answer> RunnerLoop::answer_to(const Attempt& attempt, HandlerResult result) const {
  const bool success = std::holds_alternative<Success>(result);
  switch (attempt.interruption) {
  case Interruption::superseded:
    return std::nullopt;
  case Interruption::lease_lost: // a late success is taken as long as nobody was given the next attempt
    return success ? std::optional(in_full(std::move(result))) : std::nullopt;
  case Interruption::stopping:
    if (!success) {
      return unused();
    }
    return in_full(std::move(result));
  case Interruption::timed_out: {
    const auto error = error_of(result);
    return failure("timed out after " + in_words(timeout_of(kinds_[attempt.kind])) + (error.empty() ? "" : ": " + error),
                   model::Retry::by_policy, {});
  }
  case Interruption::cancelled:
  case Interruption::none:
    break;
  }
  return in_full(std::move(result));
}

void RunnerLoop::on(Answered& event) {
  const auto entry = attempts_.find(event.attempt);
  if (entry == attempts_.end()) {
    return;
  }
  if (event.verb == Verb::heartbeat) {
    heartbeat_answered(entry, event);
  } else {
    outcome_answered(entry, event);
  }
}

void RunnerLoop::outcome_answered(Attempts::iterator entry, const Answered& event) {
  auto& attempt = entry->second;
  const auto* error = std::get_if<model::Error>(&event.response);
  if (error != nullptr && may_pass(error->code)) {
    attempt.outcome_on_its_way = false;
    attempt.outcome_at = BootClock::now() + retry_wait(attempt.outcome_tries++);
    return;
  }
  if (error != nullptr) {
    spdlog::warn("runner.outcome_refused kind={} subject={} job={} error={} detail={}", quoted(kinds_[attempt.kind].kind),
                 quoted(attempt.subject), attempt.job, model::name(error->code), quoted(error->detail));
  }
  forget(entry);
}

void RunnerLoop::forget(Attempts::iterator entry) {
  kinds_[entry->second.kind].taken -= 1;
  attempts_.erase(entry);
}

} // namespace turnwise::handlers
