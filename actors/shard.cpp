#include "actors/shard.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace turnwise::actors {
namespace {

constexpr std::size_t deferred_max = 1'000;
constexpr milliseconds load_retry{300};

} // namespace

void deliver(const model::Ticket& ticket, model::Response response) {
  if (ticket.to) {
    ticket.to->deliver(ticket.item, std::move(response));
  }
}

void fail_waiting(model::Mailbox& mailbox, const model::Error& error) {
  for (const model::Ticket& ticket : mailbox.take_waiting()) {
    deliver(ticket, error);
  }
}

shard_actor spawn_shard(caf::actor_system& system, NodeContext& context, model::ShardId id) {
  return system.spawn<caf::stateful_actor<Shard, shard_actor::impl>>(std::ref(context), id);
}

Shard::~Shard() {
  forget({model::Errc::unavailable, "the node is stopping", ""});
}

shard_actor::behavior_type Shard::make_behavior() {
  // Every message ends with flush(), and no fault of one passes for a fault of another.
  auto guarded = [this](auto&& handle) {
    try {
      handle();
      flush();
    } catch (const std::exception& fault) {
      fail(fault);
    }
  };
  return {
      [=, this](SubmitJobs& message) { guarded([&] { when_serving(message, &Shard::submit); }); },
      [=, this](SubjectCommand& message) { guarded([&] { when_serving(message, &Shard::subject_command); }); },
      [=, this](EntryCommands& message) { guarded([&] { when_serving(message, &Shard::entry_commands); }); },
      [=, this](DescribeSubject& message) { guarded([&] { when_serving(message, &Shard::describe_subject); }); },
      [=, this](DescribeJob& message) { guarded([&] { when_serving(message, &Shard::describe_job); }); },
      [=, this](ListOpen& message) { guarded([&] { list_open(message); }); },
      [=, this](const Take& message) { guarded([&] { take(message); }); },
      [=, this](Decided& message) { guarded([&] { decided(message); }); },
      [=, this](Rested& message) { guarded([&] { rested(message); }); },
      [=, this](const Committed& message) { guarded([&] { committed(message); }); },
      [=, this](const Refused& message) { guarded([&] { refused(message); }); },
      [=, this](const Lost& message) { guarded([&] { lost(message); }); },
      [=, this](const Acquired& message) { guarded([&] { acquired(message); }); },
      [=, this](Loaded& message) { guarded([&] { loaded(message); }); },
      [=, this](BodiesRead& message) { guarded([&] { bodies_read(message); }); },
      [=, this](KeysRead& message) { guarded([&] { keys_read(message); }); },
      [=, this](StoryRead& message) { guarded([&] { story_read(message); }); },
      [=, this](const CarryOpen& message) { guarded([&] { carry_open(message); }); },
      [=, this](CarryBodies& message) { guarded([&] { carry_bodies(message); }); },
      [=, this](const CarryNext& message) { guarded([&] { carry_portion(message); }); },
      [=, this](OutsideRows& message) { guarded([&] { outside_rows(message); }); },
      [=, this](OutsideSettled& message) { guarded([&] { outside_settled(message); }); },
      [=, this](const TurnJudged& message) { guarded([&] { turn_judged(message); }); },
      [=, this](const JudgeAgain& message) { guarded([&] { judge_again(message); }); },
      [=, this](const WakeUp& message) { guarded([&] { wake_up(message.at); }); },
      [=, this](const Settle&) { guarded([&] { begin_settling(); }); },
      [=, this](const Close&) { close(); },
  };
}

// ── Gaining and losing the shard ─────────────────────────────────────────────────────────────────────────────────────────

void Shard::acquired(const Acquired& message) {
  if (is_ending()) {
    end_loading();
    return;
  }
  if (counter_ && message.epoch <= epoch_) {
    // Told twice, or a load that is to be tried again: the counter goes on where it is, so that no number is given twice.
    if (phase_ == Phase::loading) {
      load();
    } else {
      end_loading();
    }
    return;
  }
  context_.loading_shards.begin(id_);
  forget({model::Errc::unavailable, "the shard has a new owner; try again", ""});
  epoch_ = message.epoch;
  counter_ = std::make_shared<ShardCounter>(epoch_);
  load();
}

void Shard::load() {
  phase_ = Phase::loading;
  const auto since = context_.clock.now().wall - context_.config.idempotency_window;
  const bool queued = context_.readers->submit([this_shard = shard_actor{self_}, id = id_, generation = generation_, since,
                                                &kinds = context_.kinds](storage::JournalReader& reader) {
    auto result = load_shard(reader, id, kinds, since);
    Loaded message{generation, nullptr, ""};
    if (result.ok()) {
      message.shard = std::move(*result);
    } else {
      message.error = result.error().detail;
    }
    caf::anon_send(this_shard, std::move(message));
  });
  if (!queued) {
    self_->delayed_send(self_, load_retry, Loaded{generation_, nullptr, "too many reads wait"});
  }
}

void Shard::loaded(Loaded& message) {
  if (message.generation != generation_ || phase_ != Phase::loading) {
    return;
  }
  if (!message.shard) {
    spdlog::warn("shard-load-failed shard={} why=\"{}\"", id_.value(), message.error);
    ++generation_; // so that only one load is under way
    self_->delayed_send(self_, load_retry, Acquired{epoch_});
    return;
  }
  LoadedShard& shard = *message.shard;
  const model::Now now = context_.clock.now();
  for (auto& [subject, mailbox] : shard.mailboxes) {
    mailbox->adopt(now);
    Slot& slot = slot_of(subject);
    for (const model::EntryNumber entry : mailbox->answerable()) {
      turns_[entry] = &slot;
    }
    slot.token = mailbox->open_token();
    slot.head = mailbox->head(now);
    running_ += slot.head.status == model::Head::Status::busy ? 1 : 0;
    adopt_running(slot, *mailbox, now);
    slot.open = mailbox->open_count();
    set_timer(slot, mailbox->next_timer(now));
    slot.mailbox = std::move(mailbox);
    update_ready(slot);
  }
  for (LoadedShard::Key& key : shard.keys) {
    remember_key(std::move(key.spelled), key.entry, key.fingerprint);
  }
  keys_complete_ = keys_complete_ && shard.keys_complete;
  for (const auto& [kind, count] : shard.waiting) {
    of_kind(kind).waiting += count;
    of_kind(kind).live->waiting += count;
  }
  context_.metrics.jobs_open.inc(static_cast<std::int64_t>(shard.open_jobs));
  context_.metrics.jobs_running.inc(static_cast<std::int64_t>(running_));
  context_.metrics.shards_owned.inc();
  lane_generation_ = generation_;
  context_.lane_of(id_).attach({id_, epoch_}, counter_, self_, generation_);
  phase_ = Phase::serving;
  end_loading();
  outside_.book = std::move(shard.outside);
  attach_intake();
  for (Deferred& deferred : std::exchange(deferred_, {})) {
    std::visit(model::Overloaded{[this](SubmitJobs& waiting) { submit(waiting); },
                                 [this](SubjectCommand& waiting) { subject_command(waiting); },
                                 [this](EntryCommands& waiting) { entry_commands(waiting); },
                                 [this](DescribeSubject& waiting) { describe_subject(waiting); },
                                 [this](DescribeJob& waiting) { describe_job(waiting); }},
               deferred);
  }
}

void Shard::lost(const Lost& message) {
  if (message.generation == lane_generation_) {
    forget({model::Errc::unavailable, "the shard has a new owner; nothing was accepted; try again", ""});
    end_loading();
  }
}

/// The journal took nothing from the refused record on: read the shard again, so that memory is what the journal holds.
void Shard::refused(const Refused& message) {
  if (message.generation != lane_generation_) {
    return;
  }
  // These effects wait for the refused record alone; the others were only behind it.
  while (!effects_.empty() && effects_.front().after == durable_ + 1) {
    Effect refused = std::move(effects_.front());
    effects_.pop_front();
    note_refusal(refused);
    fail_effect(refused, {model::Errc::malformed, "PostgreSQL refused to store this: " + message.reason, ""});
  }
  context_.loading_shards.begin(id_); // before permits are given back: what has one still runs
  forget({model::Errc::unavailable, "the shard is being read again; nothing was accepted; try again", ""});
  if (is_ending()) {
    end_loading();
    return;
  }
  phase_ = Phase::loading;
  self_->delayed_send(self_, load_retry, Acquired{epoch_}); // with a pause: the same record may be refused again
}

/// A fault of ours: nothing in memory is trusted any more. The lane confirms with Refused that it has nothing under way.
void Shard::fail(const std::exception& fault) {
  spdlog::critical("shard-fault shard={} what=\"{}\"", id_.value(), fault.what());
  const Phase phase = phase_;
  if (phase == Phase::serving || phase == Phase::loading) {
    context_.loading_shards.begin(id_);
  }
  forget({model::Errc::outcome_unknown, "the node had a fault; ask again with the same idempotency key", ""});
  if (phase == Phase::serving) {
    phase_ = Phase::loading;
    context_.lane_of(id_).expel(id_, lane_generation_, fault.what());
  } else if (phase == Phase::loading) {
    phase_ = Phase::loading;
    self_->delayed_send(self_, load_retry, Acquired{epoch_});
  }
}

/// Drops everything of this generation, and answers all who wait for something of it.
void Shard::forget(const model::Error& error) {
  if (is_live()) {
    context_.metrics.shards_owned.dec();
    std::uint64_t open = 0;
    for (const auto& [subject, slot] : slots_) {
      open += slot.open;
    }
    context_.metrics.jobs_open.dec(static_cast<std::int64_t>(open));
    context_.metrics.jobs_running.dec(static_cast<std::int64_t>(running_));
    caf::anon_send(context_.dispatcher, WithdrawAll{id_});
  }
  phase_ = is_ending() ? Phase::closed : Phase::unowned;
  if (context_.intake) {
    context_.intake->detach(id_, generation_);
  }
  outside_ = {};
  for (const auto& [entry, ending] : std::exchange(endings_, {})) {
    for (const EntryCommand& command : ending.commands) {
      deliver(model::ticket_of(command.command), error);
    }
  }
  ++generation_;
  carrying_.reset();
  for (Effect& effect : std::exchange(effects_, {})) {
    fail_effect(effect, error);
  }
  for (auto& [id, question] : std::exchange(questions_, {})) {
    fail_question(question, error);
  }
  for (auto& [entry, watches] : std::exchange(watches_, {})) {
    for (const Watch& watch : watches) {
      deliver(watch.ticket, error);
    }
  }
  watch_timers_.clear();
  for (auto& [entry, fetch] : std::exchange(fetching_, {})) {
    nothing_to_start(fetch.poll, 1);
  }
  for (auto& [subject, slot] : slots_) {
    fail_held(slot, error);
    if (slot.mailbox) { // else its actor answers them when it ends
      fail_waiting(*slot.mailbox, error);
    }
  }
  for (const Deferred& deferred : std::exchange(deferred_, {})) {
    std::visit([&](const auto& message) { refuse(message, error); }, deferred);
  }
  for (const auto& [entry, body] : bodies_) {
    context_.body_cache_bytes.fetch_sub(body.bytes, std::memory_order_relaxed);
  }
  forget_kinds();
  timers_.clear();
  armed_for_.reset();
  turns_.clear();
  ready_.clear();
  bodies_.clear();
  dirty_.clear();
  slots_.clear();
  keys_.clear();
  keys_in_order_.clear();
  keys_complete_ = true;
  key_lookups_.clear();
  askers_.clear();
  reading_ahead_.clear();
  outgoing_.clear();
  actors_ = running_ = appended_ = durable_ = 0;
}

void Shard::begin_settling() {
  if (phase_ == Phase::serving) {
    phase_ = Phase::settling; // flush() ends it
  } else if (!is_ending()) {
    forget({model::Errc::unavailable, "the node is stopping; nothing was accepted; try again", ""});
    phase_ = Phase::closed;
    end_loading();
  }
}

/// Lets go of the shard when nothing of it is under way: no decision, no read that a submit waits for, no commit.
void Shard::end_settling() {
  const bool decided = std::all_of(slots_.begin(), slots_.end(), [](const auto& named) {
    const Slot& slot = named.second;
    return slot.pending == 0 && slot.held.empty() && !slot.resting;
  });
  if (decided && durable_ == appended_) {
    forget({model::Errc::unavailable, "the node is stopping; try again", ""});
  }
}

void Shard::close() {
  forget({model::Errc::outcome_unknown, "the node is stopping; ask again with the same idempotency key", ""});
  self_->quit();
}

// ── Not serving ──────────────────────────────────────────────────────────────────────────────────────────────────────────

template <class Message>
void Shard::when_serving(Message& message, void (Shard::*handle)(Message&)) {
  if (phase_ == Phase::serving) {
    (this->*handle)(message);
  } else if (phase_ == Phase::loading && deferred_.size() < deferred_max) {
    deferred_.emplace_back(std::move(message));
  } else {
    refuse(message, {model::Errc::unavailable,
                     is_ending() ? "the node is stopping; nothing was accepted; try again"
                                 : "no node serves this shard right now; try again",
                     ""});
  }
}

void Shard::refuse(const SubmitJobs& message, const model::Error& error) {
  for (const SubmitJobs::Item& item : message.items) {
    deliver(item.ticket, error);
  }
}

void Shard::refuse(const SubjectCommand& message, const model::Error& error) {
  deliver(model::ticket_of(message.command), error);
}

void Shard::refuse(const EntryCommands& message, const model::Error& error) {
  for (const EntryCommand& item : message.items) {
    deliver(model::ticket_of(item.command), error);
  }
}

void Shard::refuse(const DescribeSubject& message, const model::Error& error) {
  deliver(message.ticket, error);
}

void Shard::refuse(const DescribeJob& message, const model::Error& error) {
  deliver(message.ticket, error);
}

// ── The end of every message ────────────────────────────────────────────────────────────────────────────────────────────

void Shard::flush() {
  send_key_lookups();
  for (std::size_t i = 0; i < dirty_.size(); ++i) { // sending may not add, but never rely on it
    send_outgoing(*dirty_[i]);
  }
  dirty_.clear();
  if (!outgoing_.empty()) {
    context_.lane_of(id_).append(id_, lane_generation_, std::exchange(outgoing_, {}));
  }
  if (phase_ == Phase::settling) {
    end_settling();
    return;
  }
  advertise();
  arm();
}

} // namespace turnwise::actors
