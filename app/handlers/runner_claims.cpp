// How a runner comes by work: one claim under way per kind, for as many jobs as the kind has free slots.
#include <algorithm>
#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

#include "app/handlers/runner_loop.hpp"
#include "app/logging/logging.hpp"
#include "app/turns/give_back.hpp"
#include "model/job_id.hpp"

namespace turnwise::handlers {

namespace {

using model::BootClock;
using model::MonoTime;

/// How much later than it was asked to the engine may answer a claim before the claim counts as lost.
constexpr milliseconds claim_patience{30'000};

HandlerResult call(const Handler& handler, const JobContext& context) {
  try {
    return handler(context);
  } catch (const std::exception& exception) {
    return RetryLater{exception.what()};
  } catch (...) {
    return RetryLater{"the handler threw something that is no std::exception"};
  }
}

} // namespace

void ClaimAnswer::claimed(std::vector<model::Grant> grants, milliseconds waited) {
  if (gone_) {
    turns::give_back(engine_, turns::receipts_of(grants));
  } else {
    inbox_->push(Claimed{kind_, claim_, std::move(grants), waited}); // read, or given back when the loop ends
  }
}

void ClaimAnswer::refused(model::Error error) {
  inbox_->push(ClaimRefused{kind_, claim_, std::move(error)});
}

// ── Claims ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Sends a claim if there is room and none is under way. @returns when to look again
MonoTime RunnerLoop::attend(std::size_t kind, MonoTime now) {
  auto& slots = kinds_[kind];
  if (slots.claim && now >= slots.claim_at) {
    spdlog::warn("runner.claim_lost kind={}", logging::quoted(slots.kind));
    abandon_claim(slots);
  }
  if (!slots.claim && (stopping_ || slots.taken >= slots.concurrency || !can_run(slots))) {
    return MonoTime::max(); // what ends changes that, and wakes the loop
  }
  if (!slots.claim && now >= slots.claim_at) {
    send_claim(kind, now);
  }
  return slots.claim_at;
}

bool RunnerLoop::can_run(const Slots& slots) {
  if (!std::holds_alternative<ExecKind>(slots.how) || spawner_->alive()) {
    return true;
  }
  if (!std::exchange(helper_missed_, true)) {
    spdlog::error(
        "runner.helper_gone the process that starts commands is gone: this node runs no commands until it is restarted");
  }
  return false;
}

void RunnerLoop::send_claim(std::size_t kind, MonoTime now) {
  auto& slots = kinds_[kind];
  slots.claim_number += 1;
  slots.claim_sent = now;
  slots.claim_at = now + config_.claim_wait + claim_patience;
  slots.claim = std::make_shared<ClaimAnswer>(engine_, inbox_, kind, slots.claim_number);
  const bool is_pushed = std::holds_alternative<PushKind>(slots.how);
  engine_.claim({.worker = slots.worker,
                 .kinds = {slots.kind},
                 .max = slots.concurrency - slots.taken,
                 .lease = is_pushed ? std::nullopt : std::optional(config_.lease),
                 .wait = config_.claim_wait},
                slots.claim);
}

void RunnerLoop::abandon_claim(Slots& slots) {
  if (slots.claim) {
    slots.claim->abandon();
    slots.claim.reset();
  }
}

void RunnerLoop::on(Claimed& event) {
  auto& slots = kinds_[event.kind];
  if (!slots.claim || event.claim != slots.claim_number) {
    turns::give_back(engine_, turns::receipts_of(event.grants));
    return;
  }
  slots.claim.reset();
  const auto now = BootClock::now();
  // An engine that drains answers at once with nothing: do not ask it in circles.
  const bool in_vain = event.grants.empty() && now < slots.claim_sent + config_.claim_wait / 2;
  slots.refusals = in_vain ? slots.refusals + 1 : 0;
  slots.claim_at = in_vain ? now + retry_wait(slots.refusals) : now;
  for (auto& grant : event.grants) {
    const auto deadline = slots.claim_sent + event.waited + grant.lease;
    start(event.kind, std::move(grant), deadline);
  }
}

void RunnerLoop::on(ClaimRefused& event) {
  auto& slots = kinds_[event.kind];
  if (!slots.claim || event.claim != slots.claim_number) {
    return;
  }
  slots.claim.reset();
  slots.claim_at = BootClock::now() + retry_wait(slots.refusals++);
  spdlog::log(slots.refusals == 1 ? spdlog::level::warn : spdlog::level::debug,
              "runner.claim_refused kind={} error={} detail={}", logging::quoted(slots.kind), model::name(event.error.code),
              logging::quoted(event.error.detail));
}

// ── Starts ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

void RunnerLoop::start(std::size_t kind, model::Grant grant, MonoTime deadline) {
  auto& slots = kinds_[kind];
  const auto now = BootClock::now();
  const AttemptNumber number{++last_number_};
  Attempt attempt;
  attempt.kind = kind;
  attempt.receipt = turns::receipt_of(grant);
  attempt.job = model::to_string(model::JobId{grant.shard, grant.entry});
  attempt.subject = grant.subject;
  attempt.lease = grant.lease;
  attempt.deadline = deadline;
  attempt.heartbeat_at = now + grant.lease / 3;
  if (const auto timeout = timeout_of(slots); timeout.count() > 0) {
    attempt.timeout_at = now + timeout;
  }
  slots.taken += 1;
  attempts_.emplace(number, std::move(attempt));
  if (const auto* exec = std::get_if<ExecKind>(&slots.how)) {
    run_command(number, *exec, grant);
  } else if (const auto* pushed = std::get_if<PushKind>(&slots.how)) {
    run_push(number, *pushed, std::move(grant));
  } else {
    run_function(number, std::get<InProcessKind>(slots.how), std::move(grant));
  }
}

void RunnerLoop::run_command(AttemptNumber number, const ExecKind& kind, const model::Grant& grant) {
  auto started = spawner_->start(command_for(kind, grant), [inbox = inbox_, number](CommandEnd end) {
    inbox->push(CommandEnded{number, std::move(end)});
  });
  if (started) {
    attempts_.at(number).command = *started;
    return;
  }
  const auto code = started.error().code;
  if (code == model::Errc::malformed || code == model::Errc::too_large) { // no node can start that
    end(attempts_.find(number), RetryLater{started.error().detail});
  } else {
    end_unused(attempts_.at(number), started.error().detail);
  }
}

void RunnerLoop::run_function(AttemptNumber number, const InProcessKind& kind, model::Grant grant) {
  const auto& attempt = attempts_.at(number);
  auto context = std::make_shared<JobContext>();
  context->job = attempt.job;
  context->subject = std::move(grant.subject);
  context->kind = std::move(grant.kind);
  context->payload = std::move(grant.payload);
  context->metadata = std::move(grant.metadata);
  context->traceparent = std::move(grant.traceparent);
  context->attempt = grant.attempt;
  context->fencing_token = grant.fencing_token;
  context->deadline = attempt.timeout_at;
  context->stop = attempt.stop.get_token();
  threads_->post([inbox = inbox_, number, handler = kind.handler, context = std::move(context)] {
    inbox->push(HandlerEnded{number, call(handler, *context)});
  });
}

} // namespace turnwise::handlers
