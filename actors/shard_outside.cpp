// What users' transactions have left for this shard: each row is taken over once, in the order of their ids as far as they have
// come, and never refused. The record that a row leads to names it; a row that leads to none gets a `taken` of its own. So the
// journal says which were taken, whatever is killed when. Once in a while a cursor sums them up.
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/spdlog.h>

#include "actors/intake.hpp"
#include "actors/shard.hpp"
#include "model/limits.hpp"

namespace turnwise::actors {
namespace {

/// A cursor is written after so many rows.
constexpr std::uint32_t cursor_rows = 1'000;
/// When so many ranges of ids are missing, the shard waits for the transactions that hold them.
constexpr std::size_t gaps_max = 10'000;
/// Items that may wait for their subject before others are taken over.
constexpr std::size_t held_max = 1'000;

using Pace = Intake::Standing::Pace;

/// Tells the shard what became of rows that may not have led to a record.
class OutsideRecipient final : public model::Recipient {
public:
  OutsideRecipient(shard_actor shard, Generation generation, model::OutsideId id)
      : shard_(std::move(shard)), generation_(generation), id_(id) {}

  void deliver(std::uint32_t /*item*/, model::Response response) override {
    const auto* accepted = std::get_if<model::Accepted>(&response);
    if (accepted == nullptr || accepted->disposition == model::Disposition::duplicate) {
      caf::anon_send(shard_, OutsideSettled{generation_, id_, std::move(response)});
    }
  }
  [[nodiscard]] model::OutsideId id() const { return id_; }

private:
  const shard_actor shard_;
  const Generation generation_;
  const model::OutsideId id_;
};

} // namespace

void Shard::attach_intake() {
  if (context_.intake) {
    context_.intake->attach(id_, generation_, self_, outside_standing(Pace::at_once));
  }
}

Intake::Standing Shard::outside_standing(Pace pace) const {
  return {.taken = outside_.book.cursor(),
          .round = outside_.round,
          .pace = pace,
          .cursor = outside_.unwritten == 0 ? Intake::Standing::Cursor::written : Intake::Standing::Cursor::unwritten};
}

void Shard::outside_rows(OutsideRows& message) {
  if (message.generation != generation_ || phase_ != Phase::serving) {
    return;
  }
  Pace pace = message.rows.empty() ? Pace::as_ever : Pace::at_once;
  for (storage::OutsideRow& row : message.rows) {
    if (outside_.book.has(row.id)) {
      continue;
    }
    if (!may_take(row)) { // this one and the rest wait
      message.closed_to = std::min(message.closed_to, model::OutsideId{row.id.value() - 1});
      pace = Pace::later;
      break;
    }
    take_over(row);
  }
  if (message.round == outside_.round) {
    outside_.book.close_gaps(message.closed_to);
  }
  if (outside_.unwritten >= cursor_rows || (message.cursor == OutsideRows::Cursor::now && outside_.unwritten > 0)) {
    write_cursor();
  }
  context_.intake->resume(id_, generation_, outside_standing(pace));
}

/// What POST /v1/jobs would be refused for has to wait instead: the transaction is committed.
bool Shard::may_take(const storage::OutsideRow& row) {
  if (context_.draining || why_not() || outside_.book.gaps() >= gaps_max) {
    return false;
  }
  const auto* job = std::get_if<model::NewJob>(&row.wish);
  if (job == nullptr) {
    return true;
  }
  const Slot* slot = find_slot(job->subject);
  const Slot none;
  const bool is_known = context_.kinds.size() < model::kinds_max || context_.kinds.find(job->kind);
  return is_known && !admit(slot == nullptr ? none : *slot) && (slot == nullptr || slot->held.size() < held_max);
}

void Shard::take_over(storage::OutsideRow& row) {
  const model::OutsideId id = row.id;
  outside_.book.take(id);
  outside_.undecided.insert(id);
  ++outside_.unwritten;
  model::Ticket ticket{std::make_shared<OutsideRecipient>(shard_actor{self_}, generation_, id), 0};
  std::visit(model::Overloaded{[&](model::NewJob& job) {
                                 if (refused_outside_.contains(id)) {
                                   note_taken(id, {}, "PostgreSQL refused to store the job");
                                   return;
                                 }
                                 job.outside = id;
                                 Slot& slot = slot_of(job.subject);
                                 submit_to(slot, {std::move(job), std::move(ticket)});
                                 settle(slot);
                               },
                               [&](model::Complete& answer) {
                                 answer.outside = id;
                                 answer.ticket = std::move(ticket);
                                 EntryCommands commands;
                                 commands.items.push_back({answer.claim.entry, std::move(answer), {}});
                                 entry_commands(commands);
                               },
                               [&](model::Error& fault) { note_taken(id, {}, fault.detail); }},
             row.wish);
}

/// A row has had its effect, or found that there was none to have.
void Shard::outside_settled(OutsideSettled& message) {
  if (message.generation != generation_ || !outside_.undecided.contains(message.id)) {
    return; // a record says so already
  }
  const auto* error = std::get_if<model::Error>(&message.response);
  const auto* accepted = std::get_if<model::Accepted>(&message.response);
  if (error != nullptr && error->code == model::Errc::unavailable) { // an answer that the journal was to be asked about
    outside_.undecided.erase(message.id);
    outside_.book.give_back(message.id);
    ++outside_.round; // what was read before does not show it
    context_.intake->resume(id_, generation_, outside_standing(Pace::later));
  } else {
    note_taken(message.id, accepted == nullptr ? model::EntryNumber{} : accepted->entry,
               error == nullptr ? "duplicate" : error->detail);
  }
}

void Shard::note_taken(model::OutsideId id, model::EntryNumber of, std::string why) {
  if (of == model::EntryNumber{}) {
    spdlog::warn("outside-row-without-effect shard={} id={} why=\"{}\"", id_.value(), id.value(), why);
  }
  outside_.undecided.erase(id);
  append_own(model::EntryNumber{counter_->take()}, model::Taken{id, of, std::move(why)});
}

/// What is undecided has no record yet that names it.
void Shard::write_cursor() {
  append_own(model::outside_entry, outside_.book.cursor(outside_.undecided));
  outside_.unwritten = static_cast<std::uint32_t>(outside_.undecided.size());
}

/// A record of the shard itself, of no subject.
void Shard::append_own(model::EntryNumber entry, model::RecordBody body) {
  outgoing_.push_back({entry, context_.clock.now().wall, std::move(body)});
  ++appended_;
}

/// PostgreSQL does not take the record of this row: when the shard has been read again, it is passed over.
void Shard::note_refusal(const Effect& effect) {
  const auto* answered = std::get_if<Answered>(&effect.what);
  if (answered == nullptr) {
    return;
  }
  if (const auto* outside = dynamic_cast<const OutsideRecipient*>(answered->ticket.to.get())) {
    refused_outside_.insert(outside->id());
  }
}

} // namespace turnwise::actors
