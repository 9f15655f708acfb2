// The slots of a shard: sending commands to subjects, and taking in what they decided.
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/shard.hpp"
#include "actors/subject.hpp"

namespace turnwise::actors {
namespace {

/// Subjects of a shard that may keep their actor although nothing of theirs runs.
constexpr std::size_t idle_actors_max = 64;
constexpr milliseconds ending_pause{50};

} // namespace

Slot& Shard::slot_of(const std::string& subject) {
  const auto [place, is_new] = slots_.try_emplace(subject);
  if (is_new) {
    place->second.subject = &place->first;
  }
  return place->second;
}

Slot* Shard::find_slot(const std::string& subject) {
  const auto found = slots_.find(subject);
  return found == slots_.end() ? nullptr : &found->second;
}

/// Sends the command with the others of this message, or keeps it while the slot is on hold.
void Shard::enqueue(Slot& slot, model::Command command) {
  if (slot.on_hold) {
    slot.held.emplace_back(std::move(command));
    return;
  }
  // Numbers are given where the order is: jobs got theirs from accept().
  std::visit(model::Overloaded{[this](model::TakeHold& hold) { hold.entry = model::EntryNumber{counter_->take()}; },
                               [this](model::Pause& pause) { pause.entry = model::EntryNumber{counter_->take()}; },
                               [](auto&) {}},
             command);
  if (slot.outgoing.empty()) {
    dirty_.push_back(&slot);
  }
  slot.outgoing.push_back(std::move(command));
  ++slot.pending;
}

void Shard::send_outgoing(Slot& slot) {
  if (slot.outgoing.empty()) {
    return;
  }
  if (!slot.actor) {
    auto mailbox = slot.mailbox ? std::exchange(slot.mailbox, nullptr) : std::make_shared<model::Mailbox>();
    slot.actor = spawn_subject(self_->home_system(), {context_, id_, generation_, &slot, self_, std::move(mailbox)});
    ++actors_;
  }
  caf::anon_send(slot.actor, Decide{std::exchange(slot.outgoing, {})});
}

void Shard::decided(Decided& message) {
  if (message.generation != generation_) {
    // Decided for a shard that was lost meanwhile: nothing of it counts.
    for (model::Action& action : message.actions) {
      if (auto* reply = std::get_if<model::Reply>(&action)) {
        const bool granted = std::holds_alternative<model::Grant>(reply->response);
        deliver(reply->ticket, granted ? model::Response{model::NothingToStart{}}
                                       : model::Error{model::Errc::unavailable, "the shard has a new owner; try again", ""});
      } else if (auto* ask = std::get_if<model::AskJournal>(&action)) {
        deliver(model::ticket_of(ask->command),
                model::Error{model::Errc::unavailable, "the shard has a new owner; try again", ""});
      }
    }
    return;
  }
  Slot& slot = *message.slot;
  for (model::Action& action : message.actions) {
    carry_out(slot, action);
  }
  slot.pending -= message.commands;
  if (slot.pending == 0) {
    slot.undecided_keys = false;
  }
  if (slot.asks_keys) {
    askers_.push_back(&slot);
  }
  summarize(slot, message);
  settle(slot);
}

/// Takes over how the mailbox stands after a decision.
void Shard::summarize(Slot& slot, const Decided& message) {
  const auto change = static_cast<std::int64_t>(message.open) - static_cast<std::int64_t>(slot.open);
  if (change > 0) {
    context_.metrics.jobs_open.inc(change);
  } else if (change < 0) {
    context_.metrics.jobs_open.dec(-change);
  }
  const bool was_busy = slot.head.status == model::Head::Status::busy;
  const bool is_busy = message.head.status == model::Head::Status::busy;
  if (was_busy != is_busy) {
    running_ += is_busy ? 1 : -1;
    is_busy ? context_.metrics.jobs_running.inc() : context_.metrics.jobs_running.dec();
    turn_changed(slot, is_busy);
  }
  slot.open = message.open;
  slot.head = message.head;
  end_permit(slot);
  // A turn that has run out and must not be ended yet is looked after by its ending.
  const auto again = model::BootClock::now() + ending_pause;
  set_timer(slot, message.timer && !endings_.empty() ? std::max(*message.timer, again) : message.timer);
  update_ready(slot);
}

/// Lets go of a subject that has nothing in hand: of its slot when it has no jobs, of its actor when nothing runs.
void Shard::settle(Slot& slot) {
  if (slot.pending > 0 || slot.on_hold || slot.starting || !slot.outgoing.empty()) {
    return;
  }
  if (slot.open == 0) {
    unlist(slot);
    set_timer(slot, std::nullopt);
    actors_ -= slot.actor ? 1 : 0;
    slots_.erase(slots_.find(*slot.subject)); // with the last reference to it, the actor ends
    return;
  }
  if (slot.actor && slot.head.status != model::Head::Status::busy && actors_ > idle_actors_max) {
    slot.on_hold = slot.resting = true;
    caf::anon_send(slot.actor, Rest{});
  }
}

void Shard::rested(Rested& message) {
  if (message.generation != generation_) {
    fail_waiting(*message.mailbox, {model::Errc::unavailable, "the shard has a new owner; try again", ""});
    return;
  }
  Slot& slot = *message.slot;
  slot.mailbox = std::move(message.mailbox);
  slot.actor = nullptr;
  slot.resting = false;
  --actors_;
  release_hold(slot);
}

/// The slot may be used again: what waited for it goes on, in order.
void Shard::release_hold(Slot& slot) {
  slot.on_hold = false;
  auto held = std::exchange(slot.held, {});
  for (auto item = held.begin(); item != held.end(); ++item) {
    if (slot.on_hold) { // again, by one of them
      std::move(item, held.end(), std::back_inserter(slot.held));
      break;
    }
    std::visit(model::Overloaded{[&](SubmitJobs::Item& job) { submit_to(slot, std::move(job)); },
                                 [&](model::Command& command) { enqueue(slot, std::move(command)); }},
               *item);
  }
  slot.key_answers.reset();
  update_ready(slot);
  settle(slot);
}

void Shard::fail_held(Slot& slot, const model::Error& error) {
  for (const Held& held : std::exchange(slot.held, {})) {
    std::visit(model::Overloaded{[&](const SubmitJobs::Item& job) { deliver(job.ticket, error); },
                                 [&](const model::Command& command) { deliver(model::ticket_of(command), error); }},
               held);
  }
  for (const model::Command& command : std::exchange(slot.outgoing, {})) {
    deliver(model::ticket_of(command), error);
  }
}

void Shard::set_timer(Slot& slot, std::optional<model::MonoTime> timer) {
  if (slot.timer == timer) {
    return;
  }
  if (slot.timer) {
    timers_.erase({*slot.timer, &slot});
  }
  if (timer) {
    timers_.emplace(*timer, &slot);
  }
  slot.timer = timer;
}

} // namespace turnwise::actors
