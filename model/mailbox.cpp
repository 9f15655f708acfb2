// Folding records into a mailbox: the one path that live and replay share, and what spans entries after a replay.
#include "model/mailbox.hpp"

#include <algorithm>
#include <utility>

#include "model/moments.hpp"
#include "model/test_hooks.hpp"

namespace turnwise::model {

void Mailbox::handle(Command command, const Context& context, std::vector<Action>& actions) {
  std::visit([&](auto& asked) { decide(asked, context, actions); }, command);
  grant_hold(context, actions); // whatever has happened, a hold may be next
}

void Mailbox::record(EntryNumber entry, RecordBody body, const Context& context, std::vector<Action>& actions) {
  Append made{Record{entry, context.now.wall, std::move(body)}};
  if (const Entry* job = find_job(entry)) {
    made.kind = job->kind;
    made.before = job->state;
  }
  apply(made.record, Sequence{}, context.kinds);
  if (const Entry* job = find_job(entry)) {
    made.kind = job->kind;
    made.after = job->state;
  }
  actions.emplace_back(std::move(made));
}

// ── Folding ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

void Mailbox::apply(const Record& record, Sequence sequence, KindTable& kinds) {
  const EntryNumber number = record.entry;
  Entry* entry = find(number);
  const auto if_open = [&](const auto& body) {
    if (entry != nullptr) { // closed otherwise: nothing can happen to it any more
      fold(*entry, body);
    }
  };
  std::visit(Overloaded{
                 [&](const Submitted& body) {
                   if (entry == nullptr) {
                     fold(number, body, record.at, kinds);
                   }
                 },
                 [&](const Released& body) {
                   if (entry != nullptr) {
                     fold(*entry, body, record.at);
                   }
                 },
                 [&](const Retried& body) {
                   if (entry != nullptr) {
                     fold(*entry, body, record.at);
                   }
                 },
                 [&](const Held& body) { fold(number, body, record.at, sequence); },
                 [&](const Paused& body) { fold(number, body, record.at); },
                 [&](const Resumed& body) { fold(number, body); },
                 [&](const Carried& body) { fold(number, body, kinds); },
                 [&](const Started& body) {
                   if (entry != nullptr) {
                     fold(*entry, body, record.at, sequence);
                   }
                 },
                 if_open,
             },
             record.body);
}

void Mailbox::fold(EntryNumber number, const Submitted& body, WallTime at, KindTable& kinds) {
  Entry entry{
      .number = number,
      .due = body.run_at.value_or(at),
      .turn = nullptr,
      .kind = kinds.intern(body.kind),
      .attempt = {},
      .failures = 0,
      .state = body.run_at ? JobState::scheduled : JobState::waiting,
      .type = EntryType::job,
  };
  if (body.run_at) {
    rare().outside.insert(std::move(entry));
    set_alarm(number, *body.run_at);
  } else {
    queue_.insert(std::move(entry));
  }
  set_expiry(number, body.expires_at);
}

void Mailbox::fold(Entry& entry, const Due&) {
  move_inside(entry.number).state = JobState::waiting;
}

void Mailbox::fold(Entry& entry, const Started& body, WallTime at, Sequence sequence) {
  entry.state = JobState::running;
  entry.due = {};
  entry.attempt = body.attempt;
  entry.turn = std::make_unique<Turn>(Turn{
      .nonce = body.nonce,
      .worker = body.worker,
      .policy = body.policy,
      .started_at = at,
      .token = FencingToken{sequence.value()},
      .deadline = MonoTime::max(), // decide() and adopt() know the time, a record does not
      .timeout_at = MonoTime::max(),
      .claimant = body.claimant,
  });
  running_ = entry.number;
}

void Mailbox::fold(Entry& entry, const AttemptFailed& body) {
  const EntryNumber number = entry.number;
  if (running_ == number) {
    running_ = nobody;
  }
  if (is_final(body.next)) {
    close(number);
    return;
  }
  ++entry.failures;
  entry.state = body.next;
  entry.due = body.retry_at.value_or(WallTime{});
  if (body.cause == FailureCause::failed) {
    entry.turn.reset(); // its worker has spoken
  } else if (entry.turn) {
    entry.turn->open = false; // a late success still wins, until the next start
  }
  if (body.next == JobState::parked) {
    move_outside(number);
  } else if (body.next == JobState::retrying) {
    renew_expiry_alarm(number);
  }
}

void Mailbox::fold(Entry& entry, const Released& body, WallTime at) {
  if (running_ == entry.number) {
    running_ = nobody;
  }
  entry.state = body.retry_at ? JobState::retrying : JobState::waiting;
  entry.due = body.retry_at.value_or(at);
  entry.turn.reset();
  if (body.retry_at) {
    renew_expiry_alarm(entry.number);
  }
}

void Mailbox::fold(Entry& entry, const CancelRequested&) {
  if (entry.turn) {
    entry.turn->cancel_requested = true;
  }
}

void Mailbox::fold(Entry& entry, const Retried&, WallTime at) {
  Entry& inside = move_inside(entry.number);
  inside.state = JobState::waiting;
  inside.due = at;
  inside.failures = 0;
  set_expiry(inside.number, std::nullopt); // whoever retries a job by hand wants it done, however late
}

void Mailbox::fold(Entry& entry, const Replaced& body) {
  set_expiry(entry.number, body.expires_at);
}

// ── Settling what spans entries ──────────────────────────────────────────────────────────────────────────────────────────

void Mailbox::absorb(Mailbox&& other) {
  other.queue_.for_each([this](Entry& entry) { queue_.insert(std::move(entry)); });
  if (other.rare_) {
    other.rare_->outside.for_each([this](Entry& entry) { rare().outside.insert(std::move(entry)); });
    rare().expirations.merge(other.rare_->expirations);
    for (; !other.rare_->alarms.empty(); other.rare_->alarms.pop()) {
      rare().alarms.push(other.rare_->alarms.top());
    }
  }
  if (other.rare_ && other.rare_->pause) {
    rare().pause = std::move(other.rare_->pause);
  }
  other = Mailbox{};
}

void Mailbox::adopt(Now now) {
  const auto is_open = [](const Entry& entry) { return entry.turn && entry.turn->open; };
  running_ = nobody;
  queue_.for_each([&](Entry& entry) {
    if (!is_open(entry)) {
      return;
    }
    Turn& turn = *entry.turn;
    running_ = entry.number;
    turn.deadline = TURNWISE_MUTANT("M8") ? now.mono : lease_end(now.mono, turn.policy.lease);
    // The worker may have been told a whole lease just before, whatever the clocks say of its timeout.
    turn.timeout_at = std::max(turn.deadline, timeout_end(now.at(turn.started_at), turn.policy.timeout));
  });
}

bool Mailbox::same_jobs_as(const Mailbox& other) const {
  const auto same_turn = [](const std::unique_ptr<Turn>& left, const std::unique_ptr<Turn>& right) {
    if (!left || !right) {
      return !left && !right;
    }
    return left->nonce == right->nonce && left->worker == right->worker && left->policy == right->policy &&
           left->started_at == right->started_at && left->open == right->open &&
           left->cancel_requested == right->cancel_requested;
  };
  const auto same_due = [](const Entry& left, const Entry& right) { // of a waiting one it is for measuring alone
    const bool decides = left.state == JobState::scheduled || left.state == JobState::retrying;
    return !decides || left.due == right.due;
  };
  const auto all_in = [&](const EntryList& mine, const EntryList& theirs) {
    return mine.first_where([&](const Entry& left) {
      const Entry* right = theirs.find(left.number);
      const bool is_volatile = left.type == EntryType::hold && !left.turn;
      return !is_volatile && (right == nullptr || !same_due(left, *right) || left.kind != right->kind ||
                              left.attempt != right->attempt || left.failures != right->failures ||
                              left.state != right->state || left.type != right->type || !same_turn(left.turn, right->turn));
    }) == nullptr;
  };
  static const Rare none;
  const Rare& my_rare = rare_ ? *rare_ : none;
  const Rare& their_rare = other.rare_ ? *other.rare_ : none;
  // Holds that wait are not journaled: a mailbox that was read back has none of them.
  const auto queued = [](const Mailbox& box, const Rare& rare) { return box.queue_.size() - rare.waiting_holds.size(); };
  const auto pause_of = [](const Rare& rare) { return rare.pause ? std::optional{rare.pause->words} : std::nullopt; };
  return running_ == other.running_ && queued(*this, my_rare) == queued(other, their_rare) && all_in(queue_, other.queue_) &&
         my_rare.outside.size() == their_rare.outside.size() && all_in(my_rare.outside, their_rare.outside) &&
         my_rare.expirations == their_rare.expirations && pause_of(my_rare) == pause_of(their_rare);
}

// ── Places ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

Entry* Mailbox::find(EntryNumber number) {
  if (Entry* inside = queue_.find(number)) {
    return inside;
  }
  return rare_ ? rare_->outside.find(number) : nullptr;
}

Entry* Mailbox::find_job(EntryNumber number) {
  Entry* entry = find(number);
  return entry != nullptr && entry->type == EntryType::job ? entry : nullptr;
}

Entry& Mailbox::move_inside(EntryNumber number) {
  if (Entry* inside = queue_.find(number)) {
    return *inside;
  }
  return queue_.insert(rare().outside.take(number));
}

Entry& Mailbox::move_outside(EntryNumber number) {
  return rare().outside.insert(queue_.take(number));
}

void Mailbox::close(EntryNumber number) {
  if (running_ == number) {
    running_ = nobody;
  }
  if (queue_.find(number) != nullptr) {
    queue_.take(number);
  } else {
    rare().outside.take(number);
  }
  if (!rare_) {
    return;
  }
  rare_->expirations.erase(number);
  drop_rare_if_empty();
}

void Mailbox::drop_rare_if_empty() {
  if (rare_->outside.empty() && rare_->expirations.empty() && rare_->waiting_holds.empty() && !rare_->pause) {
    rare_.reset(); // what alarms are left mean nothing
  }
}

Mailbox::Rare& Mailbox::rare() {
  if (!rare_) {
    rare_ = std::make_unique<Rare>();
  }
  return *rare_;
}

} // namespace turnwise::model
