// What comes to a shard from outside: jobs, answers of workers, questions.
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <fmt/format.h>

#include "actors/shard.hpp"
#include "model/job_id.hpp"

namespace turnwise::actors {

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
    if (keys_complete_) {
      accept(slot, std::move(item));
    } else {
      look_up_key(slot, std::move(item));
    }
  }
}

/// Gives the job its number and hands it to its subject.
void Shard::accept(Slot& slot, SubmitJobs::Item item) {
  if (const auto error = admit(slot)) {
    deliver(item.ticket, *error);
    return;
  }
  const model::EntryNumber entry{counter_->take()};
  const bool is_late = item.job.expires_at && *item.job.expires_at <= context_.clock.now().wall; // will be refused
  if (!item.job.key.empty() && item.job.coalesce == model::Coalesce::never && !is_late) {
    remember_key(spell_key(item.job.subject, item.job.kind, item.job.key), entry, item.job.fingerprint);
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

/// Answers a repeated request with the job of the first one. False when the key is not remembered.
bool Shard::replay_key(Slot& slot, SubmitJobs::Item& item) {
  const auto found = keys_.find(spell_key(item.job.subject, item.job.kind, item.job.key));
  if (found == keys_.end()) {
    return false;
  }
  if (found->second.fingerprint != item.job.fingerprint) {
    deliver(item.ticket,
            model::Error{model::Errc::idempotency_mismatch,
                         fmt::format("this idempotency key was used for job {} with another body; use a new key for "
                                     "a new request",
                                     to_string(model::JobId{id_, found->second.entry})),
                         ""});
  } else {
    enqueue(slot, model::Recall{found->second.entry, std::move(item.ticket)});
  }
  return true;
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

/// The key is not remembered, but some were forgotten: asks the journal. The subject waits meanwhile, and so keeps its order.
/// What is still being decided may be the first use of this very key: the question waits for that.
void Shard::look_up_key(Slot& slot, SubmitJobs::Item item) {
  std::string spelled = spell_key(item.job.subject, item.job.kind, item.job.key);
  const storage::KeyQuery query{item.job.subject, item.job.kind, item.job.key};
  slot.on_hold = true;
  slot.held.emplace_back(std::move(item));
  slot.key_lookup = KeyLookup{std::move(spelled), query, &slot};
  send_key_lookup(slot);
}

void Shard::send_key_lookup(Slot& slot) {
  if (slot.key_lookup && slot.pending == 0) {
    key_lookups_.push_back(*std::exchange(slot.key_lookup, std::nullopt));
  }
}

/// Sends all questions about keys of this message as one.
void Shard::send_key_lookups() {
  if (key_lookups_.empty()) {
    return;
  }
  // Not before what was decided so far is durable: one of these keys may have been forgotten just now.
  when_durable(KeyQuestions{std::make_shared<std::vector<KeyLookup>>(std::exchange(key_lookups_, {}))});
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
    keys_read(message);
  }
}

void Shard::keys_read(KeysRead& message) {
  if (message.generation != generation_) {
    return;
  }
  for (std::size_t i = 0; i < message.lookups->size(); ++i) {
    KeyLookup& lookup = (*message.lookups)[i];
    Slot& slot = *lookup.slot;
    auto item = std::get<SubmitJobs::Item>(std::move(slot.held.front()));
    slot.held.erase(slot.held.begin());
    slot.on_hold = false;
    if (!message.error.empty()) {
      deliver(item.ticket,
              model::Error{model::Errc::unavailable, "the journal cannot be read now; nothing was accepted; try again", ""});
    } else if (message.matches[i].found) {
      remember_key(std::move(lookup.spelled), message.matches[i].entry, message.matches[i].fingerprint);
      replay_key(slot, item);
    } else {
      accept(slot, std::move(item));
    }
    release_hold(slot);
  }
}

// ── About entries ────────────────────────────────────────────────────────────────────────────────────────────────────────

void Shard::entry_commands(EntryCommands& message) {
  for (EntryCommand& item : message.items) {
    const auto turn = turns_.find(item.entry);
    if (turn != turns_.end()) {
      enqueue(*turn->second, std::move(item.command));
    } else {
      model::Ticket ticket = model::ticket_of(item.command);
      ask({Question::Purpose::find_mailbox, item.entry, std::move(item.command), std::move(ticket)});
    }
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
