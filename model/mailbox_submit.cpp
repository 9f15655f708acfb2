// Submitting: a new job, or one that was there already.
#include <utility>

#include "model/mailbox.hpp"
#include "model/moments.hpp"

namespace turnwise::model {

namespace {

/// When the job may start, if that lies ahead.
std::optional<WallTime> future_start(const NewJob& job, WallTime now) {
  const auto start = job.delay ? std::optional{now + bounded(*job.delay)} : job.run_at;
  return start && *start > now ? start : std::nullopt;
}

/// A running job that was asked to stop absorbs nothing: it may end without having done the work.
bool absorbs(const Entry& entry, Coalesce mode) {
  if (entry.type != EntryType::job) {
    return false;
  }
  switch (mode) {
  case Coalesce::never:
    return false;
  case Coalesce::skip:
    return entry.state == JobState::waiting || entry.state == JobState::retrying ||
           (entry.state == JobState::running && !entry.turn->cancel_requested);
  case Coalesce::once_more:
    return entry.state == JobState::waiting;
  case Coalesce::replace:
    return entry.state == JobState::waiting && entry.attempt.value() == 0;
  }
  return false;
}

} // namespace

void Mailbox::decide(Submit& command, const Context& context, std::vector<Action>& actions) {
  NewJob& job = command.job;
  const WallTime now = context.now.wall;
  if (job.expires_at && *job.expires_at <= now && job.outside == OutsideId{}) {
    Error error{Errc::malformed, "The job has expired already: expires_at must lie ahead.", "/expires_at"};
    actions.emplace_back(Reply{std::move(command.ticket), std::move(error)});
    return;
  }
  settle_alarms(context, actions); // a job that has waited too long absorbs nothing
  if (coalesce(command, context, actions)) {
    return;
  }
  Submitted body{
      .subject = std::move(job.subject),
      .kind = std::move(job.kind),
      .key = std::move(job.key),
      .fingerprint = job.fingerprint,
      .options = job.options,
      .run_at = future_start(job, now),
      .expires_at = job.expires_at,
      .metadata = std::move(job.metadata),
      .payload = std::move(job.payload),
      .traceparent = std::move(job.traceparent),
      .outside = job.outside,
  };
  const JobState state = body.run_at ? JobState::scheduled : JobState::waiting;
  record(command.entry, std::move(body), context, actions);
  Accepted accepted{context.shard, command.entry, state, Disposition::accepted, position(command.entry)};
  actions.emplace_back(Reply{std::move(command.ticket), accepted});
}

/// Of several jobs that could absorb this one, the youngest does: what it takes over then runs last, as the new job would have.
/// It is also found first: a kind that coalesces has one near the end.
bool Mailbox::coalesce(Submit& command, const Context& context, std::vector<Action>& actions) {
  NewJob& job = command.job;
  const auto kind = context.kinds.find(job.kind);
  const bool starts_later = future_start(job, context.now.wall).has_value(); // what runs before then is not what was asked for
  if (job.coalesce == Coalesce::never || !kind || starts_later) {
    return false;
  }
  const Entry* found =
      queue_.last_where([&](const Entry& entry) { return entry.kind == *kind && absorbs(entry, job.coalesce); });
  if (found == nullptr) {
    return false;
  }
  Accepted accepted{context.shard, found->number, found->state, Disposition::coalesced, position(found->number)};
  if (job.coalesce == Coalesce::replace) { // the key in the same record: it must not stand for a change that was lost
    accepted.disposition = Disposition::replaced;
    Replaced body{job.fingerprint,           job.options, job.expires_at, std::move(job.metadata), std::move(job.payload),
                  std::move(job.traceparent)};
    if (!job.key.empty()) {
      body.subject = std::move(job.subject);
      body.kind = std::move(job.kind);
      body.key = std::move(job.key);
    }
    body.outside = job.outside;
    record(found->number, std::move(body), context, actions);
  } else if (!job.key.empty() || job.outside != OutsideId{}) {
    Coalesced body{std::move(job.subject), std::move(job.kind), std::move(job.key), job.fingerprint, job.outside};
    record(found->number, std::move(body), context, actions);
  }
  actions.emplace_back(Reply{std::move(command.ticket), accepted});
  return true;
}

} // namespace turnwise::model
