// What comes to a shard from outside: jobs, answers of workers, questions.
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <fmt/format.h>

#include "actors/shard.hpp"
#include "model/job_id.hpp"

namespace turnwise::actors {
namespace {

/// Keys of one subject that are looked up at once.
constexpr std::size_t keys_asked_max = 1'000;

constexpr milliseconds key_retry{50};

std::string spell_key(const model::NewJob& job) {
  return actors::spell_key(job.subject, job.kind, job.key);
}

} // namespace

// ── Submitting ───────────────────────────────────────────────────────────────────────────────────────────────────────────

void Shard::submit(SubmitJobs& message) {
  if (const auto error = why_not()) {
    refuse(message, *error);
    return;
  }
  for (SubmitJobs::Item& item : message.items) {
    Slot& slot = slot_of(item.job.subject);
    submit_to(slot, std::move(item));
    settle(slot);
  }
}

/// The order within the subject holds, whatever an item has to wait for. The caller settles the slot.
void Shard::submit_to(Slot& slot, SubmitJobs::Item item) {
  if (slot.on_hold) {
    slot.held.emplace_back(std::move(item));
  } else if (item.job.key.empty()) {
    accept(slot, std::move(item));
  } else if (!replay_key(slot, item)) {
    // What the journal has said holds for the first item under the key only: that one changes it.
    const bool is_remembered = keys_complete_ && !slot.undecided_keys;
    const bool is_new = is_remembered || (slot.key_answers && slot.key_answers->erase(spell_key(item.job)) > 0);
    is_new ? accept(slot, std::move(item)) : look_up_key(slot, std::move(item));
  }
}

/// Gives the job its number and hands it to its subject.
void Shard::accept(Slot& slot, SubmitJobs::Item item) {
  const bool is_outside = item.job.outside != model::OutsideId{}; // admitted when it was taken over
  if (const auto error = is_outside ? std::nullopt : admit(slot)) {
    deliver(item.ticket, *error);
    return;
  }
  const model::EntryNumber entry{counter_->take()};
  const bool is_late =
      !is_outside && item.job.expires_at && *item.job.expires_at <= context_.clock.now().wall; // will be refused
  if (!item.job.key.empty() && item.job.coalesce == model::Coalesce::never && !is_late) {
    remember_key(spell_key(item.job), entry, item.job.fingerprint);
  } else if (!item.job.key.empty()) {
    slot.undecided_keys = true; // which job the key will stand for is known when the mailbox has decided
  }
  enqueue(slot, model::Submit{entry, std::move(item.job), std::move(item.ticket)});
}

std::optional<model::Error> Shard::admit(const Slot& slot) const {
  if (slot.open + slot.pending >= context_.config.subject_backlog_max) {
    return model::Error{
        model::Errc::backlog_full,
        fmt::format("the subject holds {} open jobs, as many as it may; try again when some are done", slot.open), ""};
  }
  if (static_cast<std::uint64_t>(std::max<std::int64_t>(context_.metrics.jobs_open.value(), 0)) >=
      context_.config.node_backlog_max) {
    return model::Error{model::Errc::backlog_full, "the node holds as many open jobs as it may; try again when some are done",
                        ""};
  }
  return std::nullopt;
}

// ── Idempotency ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Answers a repeated request with the job of the first one. False when the key is not known to be used.
bool Shard::replay_key(Slot& slot, SubmitJobs::Item& item) {
  const auto first = first_use(slot, spell_key(item.job));
  if (!first) {
    return false;
  }
  if (first->fingerprint != item.job.fingerprint) {
    deliver(item.ticket,
            model::Error{model::Errc::idempotency_mismatch,
                         fmt::format("this idempotency key was used for job {} with another body; use a new key for "
                                     "a new request",
                                     to_string(model::JobId{id_, first->entry})),
                         ""});
  } else {
    enqueue(slot, model::Recall{first->entry, std::move(item.ticket)});
  }
  return true;
}

/// Where a key was used, as far as the shard remembers or the journal has just said.
std::optional<Shard::Key> Shard::first_use(const Slot& slot, const std::string& spelled) const {
  if (const auto known = keys_.find(spelled); known != keys_.end()) {
    return known->second;
  }
  if (slot.key_answers) {
    if (const auto told = slot.key_answers->find(spelled); told != slot.key_answers->end() && told->second.found) {
      return Key{told->second.entry, told->second.fingerprint};
    }
  }
  return std::nullopt;
}

void Shard::remember_key(std::string spelled, model::EntryNumber entry, model::Fingerprint fingerprint) {
  const auto [place, is_new] = keys_.insert_or_assign(std::move(spelled), Key{entry, fingerprint});
  if (!is_new) {
    return;
  }
  keys_in_order_.push_back(place->first);
  if (keys_in_order_.size() > remembered_keys_max) {
    keys_.erase(keys_in_order_.front());
    keys_in_order_.pop_front();
    keys_complete_ = false;
  }
}

/// The key is not remembered, but some were forgotten: the journal will be asked. The subject waits meanwhile, and so keeps its
/// order.
void Shard::look_up_key(Slot& slot, SubmitJobs::Item item) {
  slot.on_hold = slot.asks_keys = true;
  slot.held.emplace_back(std::move(item));
  askers_.push_back(&slot);
}

/// Asks for all keys that the slot's items wait for at once.
void Shard::collect_key_lookups(Slot& slot) {
  slot.asks_keys = false;
  std::size_t count = 0;
  for (const Held& held : slot.held) {
    const auto* item = std::get_if<SubmitJobs::Item>(&held);
    if (item != nullptr && !item->job.key.empty() && count++ < keys_asked_max) {
      const model::NewJob& job = item->job;
      key_lookups_.push_back({spell_key(job), {job.subject, job.kind, job.key}, &slot});
    }
  }
}

/// Sends all questions about keys of this message as one. What a subject is still deciding may be the first use of one of its
/// keys: its questions wait for that.
void Shard::send_key_lookups() {
  for (Slot* slot : std::exchange(askers_, {})) {
    if (slot->asks_keys && slot->pending == 0) {
      collect_key_lookups(*slot);
    }
  }
  if (!key_lookups_.empty()) {
    // And not before what was decided so far is durable.
    when_durable(KeyQuestions{std::make_shared<std::vector<KeyLookup>>(std::exchange(key_lookups_, {}))});
  }
}

void Shard::look_up_keys(std::shared_ptr<std::vector<KeyLookup>> lookups) {
  const auto since = context_.clock.now().wall - context_.config.idempotency_window;
  KeysRead message{generation_, lookups, {}, ""};
  const bool queued =
      context_.readers->submit([me = shard_actor{self_}, id = id_, since, message](storage::JournalReader& reader) mutable {
        std::vector<storage::KeyQuery> queries;
        for (const KeyLookup& lookup : *message.lookups) {
          queries.push_back(lookup.query);
        }
        auto matches = reader.find_keys(id, queries, since);
        if (matches.ok()) {
          message.matches = std::move(*matches);
        } else {
          message.error = matches.error().detail;
        }
        caf::anon_send(me, std::move(message));
      });
  if (!queued) {
    message.error = "too many reads wait";
    self_->delayed_send(self_, key_retry, std::move(message)); // never from within: those who ask are being counted
  }
}

void Shard::keys_read(KeysRead& message) {
  if (message.generation != generation_) {
    return;
  }
  if (!message.error.empty() && ask_again_for_outside(message)) {
    return;
  }
  std::vector<Slot*> slots;
  for (std::size_t i = 0; i < message.lookups->size(); ++i) {
    KeyLookup& lookup = (*message.lookups)[i];
    if (slots.empty() || slots.back() != lookup.slot) {
      slots.push_back(lookup.slot);
      lookup.slot->key_answers = std::make_unique<KeyAnswers>();
    }
    if (message.error.empty()) {
      lookup.slot->key_answers->insert_or_assign(std::move(lookup.spelled), message.matches[i]);
    }
  }
  for (Slot* slot : slots) {
    if (!message.error.empty()) { // the others ask again
      deliver(std::get<SubmitJobs::Item>(slot->held.front()).ticket,
              model::Error{model::Errc::unavailable, "the journal cannot be read now; nothing was accepted; try again", ""});
      slot->held.erase(slot->held.begin());
    }
    release_hold(*slot);
  }
}

/// What a user's transaction has submitted waits until the journal can be read: it is not refused, and none overtakes it.
bool Shard::ask_again_for_outside(KeysRead& message) {
  if (message.attempt == KeysRead::Attempt::again) {
    look_up_keys(message.lookups);
    return true;
  }
  auto waiting = std::make_shared<std::vector<KeyLookup>>();
  std::erase_if(*message.lookups, [&](const KeyLookup& lookup) {
    const auto& first = std::get<SubmitJobs::Item>(lookup.slot->held.front());
    const bool waits = first.job.outside != model::OutsideId{};
    if (waits) {
      waiting->push_back(lookup);
    }
    return waits;
  });
  if (!waiting->empty()) {
    self_->delayed_send(self_, key_retry, KeysRead{generation_, waiting, {}, message.error, KeysRead::Attempt::again});
  }
  return message.lookups->empty();
}

// ── About entries ────────────────────────────────────────────────────────────────────────────────────────────────────────

void Shard::subject_command(SubjectCommand& message) {
  Slot& slot = slot_of(message.subject);
  const auto refused = std::holds_alternative<model::TakeHold>(message.command) ? why_no_hold(slot) : std::nullopt;
  if (refused) {
    deliver(model::ticket_of(message.command), *refused);
  } else {
    enqueue(slot, std::move(message.command));
  }
  settle(slot);
}

std::optional<model::Error> Shard::why_no_hold(const Slot& slot) const {
  if (context_.draining) {
    return model::Error{model::Errc::unavailable, "the node is stopping; nothing was accepted; try again", ""};
  }
  const auto error = why_not();
  return error ? error : admit(slot);
}

void Shard::entry_commands(EntryCommands& message) {
  for (EntryCommand& item : message.items) {
    const auto turn = turns_.find(item.entry);
    if (turn != turns_.end() && context_.intake && ends_turn(item.command)) {
      end_turn(std::move(item));
      continue;
    }
    pass_on(std::move(item));
  }
}

/// Sends a command to the subject of its entry.
void Shard::pass_on(EntryCommand item) {
  const auto turn = turns_.find(item.entry);
  if (item.token && (turn == turns_.end() || turn->second->token != *item.token)) {
    const model::Error ended{model::Errc::stale_fence, "the hold has ended, or never had this fencing token", ""};
    when_durable(Answered{model::ticket_of(item.command), ended, nullptr});
  } else if (turn != turns_.end()) {
    enqueue(*turn->second, std::move(item.command));
  } else {
    model::Ticket ticket = model::ticket_of(item.command);
    ask({Question::Purpose::find_mailbox, item.entry, std::move(item.command), std::move(ticket)});
  }
}

void Shard::describe_subject(DescribeSubject& message) {
  if (Slot* slot = find_slot(message.subject)) {
    enqueue(*slot, model::Describe{message.jobs_max, std::move(message.ticket)});
  } else {
    when_durable(Answered{std::move(message.ticket), model::SubjectView{}, nullptr});
  }
}

void Shard::describe_job(DescribeJob& message) {
  if (message.wait.count() > 0) {
    watch(message.entry, message.wait, std::move(message.ticket));
  } else {
    ask({Question::Purpose::describe, message.entry, {}, std::move(message.ticket)});
  }
}

} // namespace turnwise::actors
