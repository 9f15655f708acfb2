// Turns: which subjects of a shard could start a job, and starting some when the dispatcher asks.
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <spdlog/spdlog.h>

#include "actors/random.hpp"
#include "actors/shard.hpp"

namespace turnwise::actors {
namespace {

/// The dispatcher is told of at most this many subjects per kind; it hears of more as it takes some.
constexpr std::uint32_t advertised_max = 256;
/// What a cached body costs beside its texts.
constexpr std::size_t body_overhead_bytes = 320;
constexpr milliseconds fetch_retry{200};
/// Bodies that are read ahead with one that is missing: after a restart all are.
constexpr std::size_t read_ahead_max = 200;

} // namespace

/// Lists the slot among those that are ready, at the end of its kind's queue, or takes it off.
void Shard::update_ready(Slot& slot) {
  const bool is_ready = slot.head.status == model::Head::Status::ready && !slot.starting;
  if (slot.ready_place && (!is_ready || slot.ready_kind != slot.head.kind)) {
    unlist(slot);
  }
  if (is_ready && !slot.ready_place) {
    auto& slots = of_kind(slot.head.kind).slots;
    slot.ready_kind = slot.head.kind;
    slot.ready_place = slots.insert(slots.end(), &slot);
  }
}

void Shard::unlist(Slot& slot) {
  if (slot.ready_place) {
    of_kind(slot.ready_kind).slots.erase(*slot.ready_place);
    slot.ready_place.reset();
  }
}

/// Tells the dispatcher of subjects that it does not know of yet.
void Shard::advertise() {
  for (auto& [kind, ready] : ready_) {
    const auto known = static_cast<std::uint32_t>(std::min<std::size_t>(ready.slots.size(), advertised_max));
    if (known > ready.advertised) {
      caf::anon_send(context_.dispatcher, Offer{id_, kind, known - ready.advertised});
      ready.advertised = known;
    }
  }
}

void Shard::take(const Take& message) {
  Ready& ready = of_kind(message.kind);
  ready.advertised -= std::min(ready.advertised, message.count);
  if (phase_ != Phase::serving || context_.draining || ready.live->is_paused()) {
    give_back(message.kind, message.count);
    nothing_to_start(message.poll, message.count);
    return;
  }
  std::vector<model::EntryNumber> missing;
  std::uint32_t taken = 0;
  for (; taken < message.count && !ready.slots.empty(); ++taken) {
    Slot& slot = *ready.slots.front();
    unlist(slot);
    slot.starting = true;
    permit(slot, message.kind);
    const model::EntryNumber entry = slot.head.entry;
    if (const auto body = bodies_.find(entry); body != bodies_.end()) {
      start(slot, body->second.job, message.poll);
    } else {
      fetching_[entry] = {&slot, message.poll};
      missing.push_back(entry);
    }
  }
  give_back(message.kind, message.count - taken);
  nothing_to_start(message.poll, message.count - taken);
  if (!missing.empty()) {
    // Not before what was decided so far is durable: a job may just have been replaced.
    when_durable(Fetch{std::move(missing), next_without_body(ready)});
  }
}

/// Heads of subjects that are ready, the next to be taken, whose bodies are neither here nor on their way.
std::vector<model::EntryNumber> Shard::next_without_body(const Ready& ready) {
  std::vector<model::EntryNumber> entries;
  for (auto slot = ready.slots.begin(); slot != ready.slots.end() && entries.size() < read_ahead_max; ++slot) {
    const model::EntryNumber entry = (*slot)->head.entry;
    if (!bodies_.contains(entry) && reading_ahead_.insert(entry).second) {
      entries.push_back(entry);
    }
  }
  return entries;
}

/// Gives the turn of a subject to a worker: the subject decides whether it still can.
void Shard::start(Slot& slot, Job job, const std::shared_ptr<Poll>& poll) {
  const ClaimRequest& request = poll->request();
  model::Policy policy = policy_of(of_kind(slot.head.kind), job->options);
  policy.lease = std::max(request.lease.value_or(policy.lease), context_.config.lease_min);
  slot.job = std::move(job);
  const model::Nonce nonce{random_128()};
  enqueue(slot, model::Start{slot.head.kind, request.worker, nonce, policy, {poll, 0}, slot.head.entry, request.claimant});
}

void Shard::nothing_to_start(const std::shared_ptr<Poll>& poll, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    poll->deliver(0, model::NothingToStart{});
  }
}

// ── Bodies ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Reads the bodies of jobs that are to start and are not in the cache.
void Shard::fetch(std::vector<model::EntryNumber> entries, std::vector<model::EntryNumber> ahead) {
  BodiesRead message{generation_, {}, std::move(entries), std::move(ahead), ""};
  const bool queued =
      context_.readers->submit([me = shard_actor{self_}, id = id_, message](storage::JournalReader& reader) mutable {
        std::vector<std::pair<model::ShardId, model::EntryNumber>> wanted;
        for (const auto* numbers : {&message.asked, &message.ahead}) {
          for (const model::EntryNumber entry : *numbers) {
            wanted.emplace_back(id, entry);
          }
        }
        auto bodies = reader.bodies(wanted);
        if (bodies.ok()) {
          message.bodies = std::move(*bodies);
        } else {
          message.error = bodies.error().detail;
        }
        caf::anon_send(me, std::move(message));
      });
  if (!queued) {
    message.error = "too many reads wait";
    bodies_read(message);
  }
}

void Shard::bodies_read(BodiesRead& message) {
  if (message.generation != generation_) {
    return;
  }
  std::unordered_map<model::EntryNumber, Job> jobs;
  for (storage::Body& body : message.bodies) {
    jobs[body.entry] = std::make_shared<const model::Submitted>(std::move(body.job));
  }
  for (const model::EntryNumber entry : message.asked) {
    const auto fetching = fetching_.extract(entry);
    Slot& slot = *fetching.mapped().slot;
    const auto& poll = fetching.mapped().poll;
    const bool is_ready = slot.head.entry == entry && slot.head.status == model::Head::Status::ready;
    if (!is_ready || of_kind(slot.turn_kind).live->is_paused()) { // cancelled, say, while its body was read
      call_off_start(slot, poll);
      update_ready(slot);
      settle(slot);
    } else if (const auto cached = bodies_.find(entry); cached != bodies_.end()) {
      start(slot, cached->second.job, poll); // newer than what was read, if they differ
    } else if (const auto job = jobs.find(entry); job != jobs.end()) {
      start(slot, job->second, poll);
    } else {
      spdlog::warn("body-not-read shard={} entry={} why=\"{}\"", id_.value(), entry.value(),
                   message.error.empty() ? "the journal has no such entry" : message.error);
      call_off_start(slot, poll);
      set_timer(slot, model::BootClock::now() + fetch_retry); // its tick lists it again
    }
  }
  for (const model::EntryNumber entry : message.ahead) {
    reading_ahead_.erase(entry);
    const auto job = jobs.find(entry);
    Slot* slot = job == jobs.end() ? nullptr : find_slot(job->second->subject);
    if (slot != nullptr && slot->head.entry == entry && slot->open > 0 && !bodies_.contains(entry)) {
      cache_body(entry, job->second); // only of open jobs: it is dropped when the job is closed
    }
  }
}

void Shard::call_off_start(Slot& slot, const std::shared_ptr<Poll>& poll) {
  slot.starting = false;
  end_permit(slot);
  nothing_to_start(poll, 1);
}

/// Keeps the body of a new job for its start, while the node's cache has room: the oldest jobs are the next to run.
void Shard::cache_body(model::EntryNumber entry, Job job) {
  const std::size_t bytes =
      body_overhead_bytes + job->payload.size() + job->metadata.size() + job->subject.size() + job->kind.size();
  if (context_.body_cache_bytes.load(std::memory_order_relaxed) + bytes > context_.config.body_cache_bytes_max) {
    return;
  }
  context_.body_cache_bytes.fetch_add(bytes, std::memory_order_relaxed);
  bodies_[entry] = {std::move(job), bytes};
}

/// A job has taken over what a newer submit asked for, perhaps while it is about to start.
void Shard::replace_body(Slot& slot, model::EntryNumber entry, const model::Replaced& replaced) {
  model::Submitted job;
  job.subject = *slot.subject;
  job.options = replaced.options;
  job.metadata = replaced.metadata;
  job.payload = replaced.payload;
  job.traceparent = replaced.traceparent;
  auto body = std::make_shared<const model::Submitted>(std::move(job));
  drop_body(entry);
  cache_body(entry, body);
  if (slot.job && slot.head.entry == entry) {
    slot.job = std::move(body);
  }
}

void Shard::drop_body(model::EntryNumber entry) {
  if (const auto body = bodies_.extract(entry)) {
    context_.body_cache_bytes.fetch_sub(body.mapped().bytes, std::memory_order_relaxed);
  }
}

} // namespace turnwise::actors
