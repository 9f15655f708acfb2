// What a shard does with decisions: records go to the lane, and whatever outside would notice waits for them to be durable.
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/shard.hpp"

namespace turnwise::actors {

// ── Carrying out actions ─────────────────────────────────────────────────────────────────────────────────────────────────

void Shard::carry_out(Slot& slot, model::Action& action) {
  std::visit([&](auto& concrete) { carry_out(slot, concrete); }, action);
}

void Shard::carry_out(Slot& slot, model::Append& action) {
  const model::EntryNumber entry = action.record.entry;
  if (auto* carried = std::get_if<model::Carried>(&action.record.body)) {
    if (complete_carried(slot, entry, *carried)) { // nothing happens: the shard need not notice
      outgoing_.push_back(std::move(action.record));
      ++appended_;
    }
    return;
  }
  if (const auto outside = model::outside_of(action.record.body); outside != model::OutsideId{}) {
    outside_.undecided.erase(outside);
  }
  note(slot, entry, action.record.body);
  count(action.record.body);
  tally(action);
  std::optional<Happened> news;
  if (context_.events->is_wanted()) {
    news = happened(slot, action);
  }
  const bool closes = model::closes_entry(action.record.body);
  outgoing_.push_back(std::move(action.record));
  ++appended_;
  if (news) {
    when_durable(std::move(*news));
  }
  if (closes) {
    turns_.erase(entry);
    drop_body(entry);
    if (watches_.contains(entry)) {
      when_durable(Finished{entry});
    }
  }
}

void Shard::carry_out(Slot& slot, model::Reply& action) {
  Job job;
  if (std::holds_alternative<model::Grant>(action.response) || std::holds_alternative<model::NothingToStart>(action.response)) {
    slot.starting = false;
    job = std::exchange(slot.job, nullptr);
    if (const auto* grant = std::get_if<model::Grant>(&action.response)) {
      of_kind(slot.turn_kind).live->figures.wait_seconds.observe(std::chrono::duration<double>(grant->queued).count());
    }
  }
  when_durable(Answered{std::move(action.ticket), std::move(action.response), std::move(job)});
}

void Shard::carry_out(Slot& /*slot*/, model::AskJournal& action) {
  const model::EntryNumber entry = model::entry_of(action.command);
  model::Ticket ticket = model::ticket_of(action.command);
  ask({Question::Purpose::judge, entry, std::move(action.command), std::move(ticket)});
}

void Shard::carry_out(Slot& slot, model::Listed& action) {
  if (action.round >= ending_round) { // what the turn was locked for has been decided
    when_durable(Unlock{model::EntryNumber{action.round - ending_round}});
    return;
  }
  listed(slot, action);
}

/// The record that is about to be appended, for those who watch.
Shard::Happened Shard::happened(const Slot& slot, const model::Append& action) const {
  const auto& record = action.record;
  return {{.at = record.at,
           .name = model::name(model::event_of(record.body)),
           .entry = {id_, record.entry},
           .subject = *slot.subject,
           .kind = action.kind ? context_.kinds.name(*action.kind) : std::string{}}};
}

void Shard::carry_out(Slot& /*slot*/, model::WantsEnd& action) {
  end_turn({action.entry, model::Tick{model::Tick::Endings::when_cleared, action.entry}, {}});
}

/// Keeps what the shard itself has to know of a record.
void Shard::note(Slot& slot, model::EntryNumber entry, const model::RecordBody& body) {
  if (const auto use = model::key_use(body)) {
    remember_key(spell_key(use->subject, use->kind, use->key), entry, use->fingerprint);
  }
  if (const auto* submitted = std::get_if<model::Submitted>(&body)) {
    cache_body(entry, std::make_shared<const model::Submitted>(*submitted));
  } else if (std::holds_alternative<model::Started>(body) || std::holds_alternative<model::Held>(body)) {
    turns_[entry] = &slot;
  } else if (const auto* replaced = std::get_if<model::Replaced>(&body)) {
    replace_body(slot, entry, *replaced);
    if (carrying_) {
      carrying_->replaced.insert_or_assign(entry, *replaced);
    }
  } else if (const auto* failed = std::get_if<model::AttemptFailed>(&body)) {
    if (failed->cause == model::FailureCause::failed) {
      turns_.erase(entry); // answered; a lease that ran out may still be answered late
    }
  } else if (std::holds_alternative<model::Released>(body)) {
    turns_.erase(entry);
  }
}

void Shard::count(const model::RecordBody& body) {
  Metrics& metrics = context_.metrics;
  if (std::holds_alternative<model::Submitted>(body)) {
    metrics.submitted.inc();
  } else if (std::holds_alternative<model::Started>(body)) {
    metrics.started.inc();
  } else if (std::holds_alternative<model::AttemptFailed>(body)) {
    metrics.attempts_failed.inc();
  }
  switch (model::state_after(body).value_or(model::JobState::waiting)) {
  case model::JobState::succeeded:
    metrics.succeeded.inc();
    break;
  case model::JobState::parked:
    metrics.parked.inc();
    break;
  case model::JobState::failed:
    metrics.failed.inc();
    break;
  case model::JobState::cancelled:
    metrics.cancelled.inc();
    break;
  default:
    break;
  }
}

// ── Effects ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

void Shard::when_durable(decltype(Effect::what) what) {
  Effect effect{appended_, std::move(what)};
  if (durable_ == appended_) {
    take_effect(effect, model::Sequence{});
  } else {
    effects_.push_back(std::move(effect));
  }
}

void Shard::committed(const Committed& message) {
  if (message.generation != lane_generation_ || !is_live()) {
    return;
  }
  const std::uint64_t before = durable_;
  durable_ += message.count;
  while (!effects_.empty() && effects_.front().after <= durable_) {
    Effect effect = std::move(effects_.front());
    effects_.pop_front();
    // Records of a commit have numbers without a gap, so that of record `after` is known when it came with this one.
    const bool is_of_this_commit = effect.after > before;
    const model::Sequence last{is_of_this_commit ? message.first.value() + (effect.after - before - 1) : 0};
    take_effect(effect, last);
  }
}

void Shard::take_effect(Effect& effect, model::Sequence last) {
  std::visit(model::Overloaded{[&](Answered& answered) { take_effect(answered, last); },
                               [&](const Ask& ask) { read_story(ask.question); },
                               [&](const Finished& finished) { tell_watchers(finished.entry); },
                               [&](Fetch& wanted) { fetch(std::move(wanted.entries), std::move(wanted.ahead)); },
                               [&](KeyQuestions& questions) { look_up_keys(std::move(questions.lookups)); },
                               [&](CarryStep&) { carry_durable(); },
                               [&](Happened& happened) { context_.events->publish(std::move(happened.event)); },
                               [&](const PermitBack& back) { take_back(back); },
                               [&](const Unlock& done) { context_.intake->unlock(id_, done.entry); }},
             effect.what);
}

void Shard::take_effect(Answered& answered, model::Sequence last) {
  // The turn's record is the last one before a grant: its number is the fencing token. The mailbox knows the token of a turn
  // that it has read from the journal, the slot that of one it has seen begin.
  const auto begin_turn = [&](auto& grant) {
    grant.fencing_token = model::FencingToken{last.value()};
    if (const auto turn = turns_.find(grant.entry); turn != turns_.end()) {
      Slot& slot = *turn->second;
      slot.token = grant.fencing_token;
      slot.turn_entry = grant.entry;
      if constexpr (requires { grant.attempt; }) {
        slot.turn_attempt = grant.attempt;
      } else {
        slot.turn_attempt = {}; // a hold has no attempts
      }
    }
  };
  const auto show_token = [&](std::optional<model::TurnView>& view) {
    const auto turn = view ? turns_.find(view->entry) : turns_.end();
    if (turn != turns_.end() && turn->second->token.value() != 0) {
      view->fencing_token = turn->second->token;
    }
  };
  std::visit(model::Overloaded{[&](model::Grant& grant) {
                                 begin_turn(grant);
                                 grant.subject = answered.job->subject;
                                 grant.payload = answered.job->payload;
                                 grant.metadata = answered.job->metadata;
                                 grant.traceparent = answered.job->traceparent;
                               },
                               [&](model::HoldGrant& grant) { begin_turn(grant); },
                               [&](model::SubjectView& view) { show_token(view.turn); },
                               [&](model::SubjectBusy& busy) { show_token(busy.turn); }, [](auto&) {}},
             answered.response);
  deliver(answered.ticket, std::move(answered.response));
}

void Shard::fail_effect(Effect& effect, const model::Error& error) {
  if (auto* answered = std::get_if<Answered>(&effect.what)) {
    const bool granted = std::holds_alternative<model::Grant>(answered->response) ||
                         std::holds_alternative<model::NothingToStart>(answered->response);
    deliver(answered->ticket, granted ? model::Response{model::NothingToStart{}} : model::Response{error});
  }
}

/// Whether new jobs can be accepted now, and if not, why.
std::optional<model::Error> Shard::why_not() const {
  if (!context_.trust.holds()) { // no beat for so long: PostgreSQL hangs, or this node is cut off from it
    return model::Error{model::Errc::unavailable, "PostgreSQL does not answer; nothing was accepted; try again", ""};
  }
  Lane& lane = context_.lane_of(id_);
  switch (lane.health()) {
  case Lane::Health::down:
    return model::Error{model::Errc::unavailable, "PostgreSQL does not answer; nothing was accepted; try again", ""};
  case Lane::Health::no_space:
    return model::Error{model::Errc::insufficient_storage,
                        "PostgreSQL has no space left; nothing was accepted; try again later", ""};
  case Lane::Health::up:
    break;
  }
  if (lane.queued_rows() >= context_.config.lane_queue_rows_max ||
      lane.queued_bytes() >= context_.config.lane_queue_bytes_max) {
    return model::Error{model::Errc::unavailable, "the journal is behind; nothing was accepted; try again", ""};
  }
  return std::nullopt;
}

} // namespace turnwise::actors
