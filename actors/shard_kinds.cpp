// What a shard has to do with kinds: their policies, the permits of those with a limit, their figures.
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/shard.hpp"
#include "model/test_hooks.hpp"

namespace turnwise::actors {

Shard::Ready& Shard::of_kind(model::KindId kind) {
  Ready& ready = ready_[kind];
  if (ready.live == nullptr) {
    ready.live = &context_.live_kinds.at(kind);
  }
  return ready;
}

/// What holds for an attempt that starts now.
model::Policy Shard::policy_of(Ready& ready, const model::JobOptions& options) {
  if (const std::uint32_t version = ready.live->version(); version != ready.policy_version) {
    ready.policy_version = version;
    ready.policy = std::make_unique<const model::Policy>(ready.live->policy());
  }
  return model::resolve(ready.policy ? *ready.policy : model::Policy{}, options);
}

// ── Permits ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A job that was running when the shard was read counts until it ends.
void Shard::adopt_running(Slot& slot, const model::Mailbox& mailbox, model::Now now) {
  const auto running = mailbox.running_job();
  if (!running || TURNWISE_MUTANT("K3")) {
    return;
  }
  of_kind(running->kind).live->adopt();
  permit(slot, running->kind);
  turn_changed(slot, true);
  slot.turn_since = std::min(now.at(running->since), now.mono);
}

void Shard::permit(Slot& slot, model::KindId kind) {
  slot.permitted = true;
  slot.turn_kind = kind;
  ++of_kind(kind).permits;
}

/// The turn of the slot's job began, or ended.
void Shard::turn_changed(Slot& slot, bool is_busy) {
  if (!slot.permitted) {
    return;
  }
  Ready& ready = of_kind(slot.turn_kind);
  const std::int64_t change = is_busy ? 1 : -1;
  ready.running += change;
  ready.live->running += change;
  const auto now = model::BootClock::now();
  if (is_busy) {
    slot.turn_since = now;
  } else {
    ready.live->figures.run_seconds.observe(std::chrono::duration<double>(now - slot.turn_since).count());
  }
}

/// Ends the slot's permit unless it still starts or runs its job. Where a limit counts, not before the end of the attempt is
/// durable: after a crash the journal must not have more of them open than may be.
void Shard::end_permit(Slot& slot) {
  if (!slot.permitted || slot.starting || slot.head.status == model::Head::Status::busy) {
    return;
  }
  slot.permitted = false;
  if (of_kind(slot.turn_kind).live->is_limited()) {
    when_durable(PermitBack{slot.turn_kind});
  } else {
    take_back(PermitBack{slot.turn_kind});
  }
}

void Shard::take_back(const PermitBack& permit) {
  --of_kind(permit.kind).permits;
  give_back(permit.kind, 1);
}

void Shard::give_back(model::KindId kind, std::uint32_t permits) {
  if (permits > 0 && of_kind(kind).live->give_back(permits)) {
    caf::anon_send(context_.dispatcher, KindsOpened{kind});
  }
}

/// The shard was read: when it was the last one, kinds with a limit may start again.
void Shard::end_loading() {
  if (context_.loading_shards.end(id_)) {
    caf::anon_send(context_.dispatcher, KindsOpened{});
  }
}

// ── Figures ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

void Shard::tally(const model::Append& action) {
  if (!action.kind) {
    return;
  }
  Ready& ready = of_kind(*action.kind);
  const KindMetrics& figures = ready.live->figures;
  const auto waits = [](const std::optional<model::JobState>& state) { return state && model::is_waiting(*state) ? 1 : 0; };
  if (const int change = waits(action.after) - waits(action.before); change != 0) {
    ready.waiting += change;
    ready.live->waiting += change;
  }
  const model::RecordBody& body = action.record.body;
  if (std::holds_alternative<model::Submitted>(body)) {
    figures.submitted.inc();
  } else if (std::holds_alternative<model::Started>(body)) {
    figures.started.inc();
  } else if (std::holds_alternative<model::Succeeded>(body)) {
    figures.succeeded.inc();
  } else if (std::holds_alternative<model::AttemptFailed>(body)) {
    figures.failed.inc();
  }
  if (action.after == model::JobState::parked && action.before != model::JobState::parked) {
    figures.parked.inc();
  }
}

/// Takes the shard's part off everything that the node counts of kinds.
void Shard::forget_kinds() {
  for (auto& [kind, ready] : ready_) {
    ready.live->waiting -= ready.waiting;
    ready.live->running -= ready.running;
    give_back(kind, ready.permits);
  }
}

} // namespace turnwise::actors
