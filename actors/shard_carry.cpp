// Carrying: before a segment goes out of use, a shard writes the whole state of what is still open in it once more. Then a
// replay may begin with a later segment, and the old one can be dropped.
//
// In portions, each in three steps: subjects list their open entries; a reader reads the bodies; subjects make the records, in
// order with whatever else they decide, and the shard adds the bodies. Only when the last of them is durable is the keeper
// told.
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/spdlog.h>

#include "actors/shard.hpp"
#include "model/test_hooks.hpp"
#include "storage/record_codec.hpp"

namespace turnwise::actors {
namespace {

/// Entries of a portion. Their payloads are in memory for as long as it takes.
constexpr std::size_t portion_entries_max = 100;
/// Subjects that are looked at in one message, if nothing of theirs is to be carried.
constexpr std::size_t portion_subjects_max = 2'000;
/// Between two portions: four shards at a time carry 16,000 entries a second at most, a tenth of what lanes write.
constexpr milliseconds portion_pause{25};
constexpr milliseconds permit_pause{100};

} // namespace

void Shard::carry_open(const CarryOpen& message) {
  if (phase_ != Phase::serving || carrying_) {
    return; // the keeper asks again
  }
  carrying_ = std::make_unique<Carrying>();
  carrying_->round = ++carry_rounds_;
  carrying_->segment = message.segment;
  carrying_->newest = message.newest;
  carrying_->until = message.until == model::EntryNumber{} ? model::EntryNumber{counter_->take()} : message.until;
  if (!outside_.book.empty()) {
    write_cursor();
  }
  // What was carried before may lie in a segment that stays in use.
  const auto from = carried_in_ >= message.segment ? carried_until_ : model::EntryNumber{};
  if (from < carrying_->until) {
    carrying_->subjects.reserve(slots_.size());
    for (const auto& [subject, slot] : slots_) { // newer subjects have newer entries
      carrying_->subjects.push_back({subject, from});
    }
  }
  carry_portion({generation_});
}

void Shard::carry_portion(const CarryNext& message) {
  if (message.generation != generation_ || phase_ != Phase::serving || !carrying_ ||
      carrying_->step != Carrying::Step::waiting) {
    return;
  }
  if (!carrying_->permit && !carrying_->subjects.empty()) {
    carrying_->permit = context_.carry_permits.take();
    if (!carrying_->permit) {
      self_->delayed_send(self_, permit_pause, message);
      return;
    }
  }
  list_portion();
}

/// Asks subjects, until a portion is full.
void Shard::list_portion() {
  Carrying& carrying = *carrying_;
  carrying.step = Carrying::Step::listing;
  carrying.portion.clear();
  carrying.bodies.clear();
  carrying.replaced.clear();
  carrying.entries = 0;
  std::size_t room = portion_entries_max;
  for (std::size_t seen = 0; room > 0 && seen < portion_subjects_max && !carrying.subjects.empty(); ++seen) {
    Carrying::Subject subject = std::move(carrying.subjects.back());
    carrying.subjects.pop_back();
    Slot* slot = find_slot(subject.name);
    if (slot == nullptr) {
      continue; // everything of it is closed, and becomes durable before the end is told
    }
    if (slot->mailbox && slot->pending == 0) { // nothing of it is undecided: no need to wake it
      list_packed(std::move(subject), *slot->mailbox, room);
      room = portion_entries_max - std::min(carrying.entries, portion_entries_max);
      continue;
    }
    enqueue(*slot, model::ListOpen{subject.from, carrying.until, room, carrying.round});
    ++carrying.awaited;
    room -= std::min(room, std::max<std::size_t>(slot->open, 1));
  }
  if (carrying.awaited == 0) {
    answered_portion();
  }
}

void Shard::list_packed(Carrying::Subject subject, const model::Mailbox& mailbox, std::size_t room) {
  take_listed(subject.name, mailbox.open_entries(subject.from, carrying_->until, room));
}

/// A subject has answered ListOpen, or has made the records that Carry asked for.
void Shard::listed(const Slot& slot, const model::Listed& listed) {
  if (!carrying_ || carrying_->round != listed.round) {
    return;
  }
  if (carrying_->step == Carrying::Step::listing) {
    take_listed(*slot.subject, listed.entries);
  }
  if (--carrying_->awaited == 0) {
    answered_portion();
  }
}

void Shard::take_listed(const std::string& subject, const std::vector<model::EntryNumber>& entries) {
  if (entries.empty()) {
    return;
  }
  carrying_->entries += entries.size();
  auto& of_subject = carrying_->portion[subject];
  of_subject.insert(of_subject.end(), entries.begin(), entries.end());
  // There may be more of it. When there is not, it says so next time.
  carrying_->subjects.push_back({subject, model::EntryNumber{entries.back().value() + 1}});
}

/// All subjects that were asked have answered: on with the next step when what they had decided before is durable.
void Shard::answered_portion() {
  Carrying& carrying = *carrying_;
  if (carrying.step == Carrying::Step::listing) {
    if (carrying.entries > 0) {
      carrying.step = Carrying::Step::reading;
    } else if (carrying.subjects.empty()) {
      carrying.step = Carrying::Step::ending;
    } else {
      carrying.step = Carrying::Step::waiting;
      self_->delayed_send(self_, milliseconds{1}, CarryNext{generation_});
      return;
    }
  }
  when_durable(CarryStep{});
}

void Shard::carry_durable() {
  if (!carrying_ || phase_ != Phase::serving) {
    return;
  }
  switch (carrying_->step) {
  case Carrying::Step::reading:
    read_portion();
    break;
  case Carrying::Step::writing:
    if (TURNWISE_FAILPOINT("carry-portion")) {
      give_up_carrying("failpoint");
      break;
    }
    carrying_->step = Carrying::Step::waiting;
    self_->delayed_send(self_, portion_pause, CarryNext{generation_});
    break;
  case Carrying::Step::ending:
    end_carrying();
    break;
  case Carrying::Step::waiting:
  case Carrying::Step::listing:
    break;
  }
}

void Shard::read_portion() {
  std::vector<std::pair<model::ShardId, model::EntryNumber>> wanted;
  for (const auto& [subject, entries] : carrying_->portion) {
    for (const model::EntryNumber entry : entries) {
      wanted.emplace_back(id_, entry);
    }
  }
  const bool queued = context_.readers->submit(
      [me = shard_actor{self_}, generation = generation_, wanted = std::move(wanted)](storage::JournalReader& reader) {
        CarryBodies message{generation, {}, ""};
        auto bodies = reader.bodies(wanted);
        if (bodies.ok()) {
          message.bodies = std::move(*bodies);
        } else {
          message.error = bodies.error().detail;
        }
        caf::anon_send(me, std::move(message));
      });
  if (!queued) {
    give_up_carrying("too many reads wait");
  }
}

void Shard::carry_bodies(CarryBodies& message) {
  if (message.generation != generation_ || !carrying_ || carrying_->step != Carrying::Step::reading) {
    return;
  }
  if (!message.error.empty()) {
    give_up_carrying(message.error.c_str());
    return;
  }
  for (storage::Body& body : message.bodies) {
    carrying_->bodies.emplace(body.entry, std::move(body));
  }
  carrying_->step = Carrying::Step::writing;
  for (auto& [subject, entries] : carrying_->portion) {
    if (Slot* slot = find_slot(subject)) {
      enqueue(*slot, model::Carry{std::move(entries), carrying_->round});
      ++carrying_->awaited;
    }
  }
  if (carrying_->awaited == 0) {
    answered_portion();
  }
}

/// Adds what a mailbox does not know: the subject, the body of a job, and the fencing token of a turn that began here.
bool Shard::complete_carried(Slot& slot, model::EntryNumber entry, model::Carried& carried) {
  if (!carrying_) {
    return false;
  }
  if (carried.turn && carried.turn->token == model::FencingToken{} && slot.turn_entry == entry &&
      slot.turn_attempt == carried.attempt) {
    carried.turn->token = slot.token; // else the turn's own record is not durable yet, and will be replayed with this one
  }
  if (carried.type != model::CarriedType::job) {
    carried.job.subject = *slot.subject;
    return true;
  }
  const auto found = carrying_->bodies.extract(entry);
  if (!found) {
    give_up_carrying("the journal has no body of an open job");
    return false;
  }
  storage::Body& body = found.mapped();
  if (const auto change = carrying_->replaced.find(entry); change != carrying_->replaced.end()) {
    storage::apply_replaced(body.job, change->second);
  }
  carried.job = std::move(body.job);
  carried.job.fingerprint = body.key_fingerprint;
  carried.since = body.since;
  return true;
}

void Shard::end_carrying() {
  if (carried_in_ >= carrying_->segment) { // only newer entries were carried
    carried_until_ = std::max(carried_until_, carrying_->until);
  } else {
    carried_in_ = carrying_->newest;
    carried_until_ = carrying_->until;
  }
  context_.carried_shards.add(id_, carrying_->segment);
  carrying_.reset();
}

/// The keeper will ask again; what has been carried so far does no harm.
void Shard::give_up_carrying(const char* why) {
  spdlog::warn("carrying-given-up shard={} why=\"{}\"", id_.value(), why);
  carrying_.reset();
}

} // namespace turnwise::actors
