// Carrying: the state of open entries as records that stand for all earlier ones, so that old segments go out of use.
#include <algorithm>
#include <utility>

#include "model/mailbox.hpp"

namespace turnwise::model {

void Mailbox::decide(ListOpen& command, const Context& /*context*/, std::vector<Action>& actions) {
  actions.emplace_back(Listed{open_entries(command.from, command.until, command.max), command.round});
}

/// The records say what is so already: they are not applied.
void Mailbox::decide(Carry& command, const Context& context, std::vector<Action>& actions) {
  for (const EntryNumber number : command.entries) {
    if (auto body = carried(number, context.kinds)) {
      actions.emplace_back(Append{Record{number, context.now.wall, std::move(*body)}});
    }
  }
  actions.emplace_back(Listed{{}, command.round});
}

std::vector<EntryNumber> Mailbox::open_entries(EntryNumber from, EntryNumber until, std::size_t max) const {
  std::vector<EntryNumber> entries;
  const auto collect = [&](const EntryList& list) {
    std::size_t found = 0;
    list.visit_from(from, [&](const Entry& entry) {
      if (entry.number >= until || found == max) {
        return false;
      }
      if (entry.type == EntryType::job || entry.turn) {
        entries.push_back(entry.number);
        ++found;
      }
      return true;
    });
  };
  collect(queue_);
  if (rare_) {
    collect(rare_->outside);
  }
  if (is_paused() && rare_->pause->number >= from && rare_->pause->number < until) {
    entries.push_back(rare_->pause->number);
  }
  std::sort(entries.begin(), entries.end());
  entries.resize(std::min(entries.size(), max));
  return entries;
}

std::optional<Carried> Mailbox::carried(EntryNumber number, const KindTable& kinds) const {
  Carried body;
  if (is_paused() && rare_->pause->number == number) {
    const PauseView& words = rare_->pause->words;
    body.type = CarriedType::pause;
    body.since = words.since;
    body.by = words.by;
    body.why = words.why;
    return body;
  }
  const Entry* entry = find(number);
  if (entry == nullptr || (entry->type == EntryType::hold && !entry->turn)) {
    return std::nullopt;
  }
  body.state = entry->state;
  body.attempt = entry->attempt;
  body.failures = entry->failures;
  if (entry->type == EntryType::hold) {
    body.type = CarriedType::hold;
    body.since = entry->turn->started_at;
  } else {
    body.job.kind = kinds.name(entry->kind);
  }
  if (entry->state == JobState::scheduled || entry->state == JobState::retrying) {
    body.due = entry->due;
  }
  if (rare_) {
    if (const auto expiration = rare_->expirations.find(number); expiration != rare_->expirations.end()) {
      body.expires_at = expiration->second;
    }
  }
  if (const Turn* turn = entry->turn.get()) {
    body.turn = CarriedTurn{.nonce = turn->nonce,
                            .worker = turn->worker,
                            .policy = turn->policy,
                            .started_at = turn->started_at,
                            .token = turn->token,
                            .open = turn->open,
                            .cancel_requested = turn->cancel_requested,
                            .claimant = turn->claimant};
  }
  return body;
}

/// Whatever earlier records made of the entry, this is what it is.
void Mailbox::fold(EntryNumber number, const Carried& body, KindTable& kinds) {
  if (body.type == CarriedType::pause) {
    rare().pause = PauseEntry{number, {body.by, body.why, body.since}};
    return;
  }
  FencingToken token = body.turn ? body.turn->token : FencingToken{};
  if (const Entry* earlier = find(number)) {
    if (token == FencingToken{} && earlier->turn && earlier->attempt == body.attempt) {
      token = earlier->turn->token;
    }
    close(number);
  }
  Entry entry{
      .number = number,
      .due = body.due.value_or(body.since),
      .turn = nullptr,
      .kind = body.type == CarriedType::job ? kinds.intern(body.job.kind) : KindId{},
      .attempt = body.attempt,
      .failures = body.failures,
      .state = body.state,
      .type = body.type == CarriedType::job ? EntryType::job : EntryType::hold,
  };
  if (body.turn) {
    entry.turn = std::make_unique<Turn>(Turn{
        .nonce = body.turn->nonce,
        .worker = body.turn->worker,
        .policy = body.turn->policy,
        .started_at = body.turn->started_at,
        .token = token,
        .deadline = MonoTime::max(), // decide() and adopt() know the time, a record does not
        .timeout_at = MonoTime::max(),
        .open = body.turn->open,
        .cancel_requested = body.turn->cancel_requested,
        .claimant = body.turn->claimant,
    });
    running_ = body.turn->open ? number : running_;
  }
  const bool is_outside = body.state == JobState::scheduled || body.state == JobState::parked;
  (is_outside ? rare().outside : queue_).insert(std::move(entry));
  if (body.state == JobState::scheduled) {
    set_alarm(number, *body.due);
  }
  set_expiry(number, body.expires_at);
}

} // namespace turnwise::model
