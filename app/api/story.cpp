// The story of a job and of a subject, with the reason why each job waits.
#include <fmt/format.h>

#include "app/api/job_options.hpp"
#include "app/api/render.hpp"
#include "app/api/time_text.hpp"

namespace turnwise::api {
namespace {

using model::JobStory;
using model::JobView;
using model::TurnView;
using model::WaitReason;
using std::chrono::duration_cast;

std::string id_of(model::ShardId shard, model::EntryNumber entry) {
  return model::to_string(model::JobId{shard, entry});
}

/// "hold X of web-1, who has the turn for 12 s", as far as it is known.
std::string blocking_hold(model::EntryNumber entry, const TurnContext& context) {
  std::string text = fmt::format("hold {}", id_of(context.shard, entry));
  if (context.turn && context.turn->entry == entry) {
    const auto held = duration_cast<milliseconds>(context.now - context.turn->started_at);
    text += fmt::format(", which {} has had for {}", context.turn->worker, for_people(held));
  }
  return text;
}

/// "job X, which worker w1 has been running for 12 s (attempt 2)", as far as it is known.
std::string blocking_job(model::EntryNumber entry, const TurnContext& context) {
  std::string text = fmt::format("job {}", id_of(context.shard, entry));
  if (context.turn && context.turn->entry == entry) {
    const auto running = duration_cast<milliseconds>(context.now - context.turn->started_at);
    text += fmt::format(", which worker {} has been running for {} (attempt {})", context.turn->worker, for_people(running),
                        context.turn->attempt.value());
  }
  return text;
}

/// "in 5 s (2031-…)".
std::string moment(const std::optional<WallTime>& due, WallTime now) {
  if (!due) {
    return "later";
  }
  return fmt::format("in {} ({})", for_people(duration_cast<milliseconds>(*due - now)), to_text(*due));
}

/// What stops its whole kind.
std::string because_of_kind(const JobView& job) {
  const model::KindWait wait = job.kind_wait.value_or(model::KindWait{});
  if (wait.pause) {
    return fmt::format("is next, but {} paused the kind {} at {}: {}", wait.pause->by, job.kind, to_text(wait.pause->since),
                       wait.pause->why);
  }
  return fmt::format("is next, but as many jobs of kind {} run on its node as may: {}", job.kind, wait.limit);
}

void write_wait(Writer& out, const JobView& job, const TurnContext& context) {
  if (job.reason == WaitReason::none) {
    return;
  }
  out.member("reason", model::name(job.reason));
  out.member("because", because(job, context));
  if (job.behind.value() != 0) {
    out.member("behind", id_of(context.shard, job.behind));
  }
  if (job.due) {
    out.member("due", to_text(*job.due));
  }
  if (job.kind_wait) {
    write_pause(out, "kind_pause", job.kind_wait->pause);
    if (!job.kind_wait->pause) {
      out.member("kind_limit", job.kind_wait->limit);
    }
  }
}

void write_turn(Writer& out, const TurnView& turn, model::ShardId shard) {
  out.begin_object();
  out.member(name(turn.type), id_of(shard, turn.entry));
  if (turn.type == model::EntryType::job) {
    out.member("attempt", turn.attempt.value());
    out.member("worker", turn.worker);
  } else {
    out.member("owner", turn.worker);
  }
  out.member("started_at", to_text(turn.started_at));
  out.member("lease_expires_at", to_text(turn.deadline));
  out.member("fencing_token", std::to_string(turn.fencing_token.value()));
  if (turn.type == model::EntryType::job) {
    out.member("cancel_requested", turn.cancel_requested);
  }
  out.end_object();
}

void write_optional(Writer& out, std::string_view name, const std::optional<WallTime>& value) {
  if (value) {
    out.member(name, to_text(*value));
  }
}

void write_attempts(Writer& out, const JobStory& story) {
  out.key("attempts").begin_array();
  for (const auto& attempt : story.attempts) {
    out.begin_object();
    out.member("attempt", attempt.attempt.value());
    out.member("worker", attempt.worker);
    out.member("fencing_token", std::to_string(attempt.fencing_token.value()));
    out.member("started_at", to_text(attempt.started_at));
    write_optional(out, "ended_at", attempt.ended_at);
    out.member("outcome", attempt.outcome);
    if (!attempt.error.empty()) {
      out.member("error", attempt.error);
    }
    out.end_object();
  }
  out.end_array();
}

void write_texts(Writer& out, const JobStory& story) {
  if (!story.failure.empty()) {
    out.member("failure", story.failure);
  }
  if (!story.job.metadata.empty()) {
    out.key("metadata").raw(story.job.metadata);
  }
  if (!story.job.traceparent.empty()) {
    out.member("traceparent", story.job.traceparent);
  }
  out.key("payload").raw(story.job.payload.empty() ? "null" : story.job.payload);
  if (story.state == model::JobState::succeeded) {
    out.key("result").raw(story.result.empty() ? "null" : story.result);
  }
}

void write_turn_or_null(Writer& out, std::string_view member, const std::optional<TurnView>& turn, model::ShardId shard) {
  out.key(member);
  if (turn) {
    write_turn(out, *turn, shard);
  } else {
    out.null();
  }
}

/// One word for what the subject does.
std::string_view state_of(const model::SubjectView& view) {
  if (view.turn) {
    return view.turn->type == model::EntryType::job ? "running" : "held";
  }
  if (view.pause) {
    return "paused";
  }
  if (view.queue_length == 0) {
    return "idle";
  }
  return view.jobs.empty() ? "waiting" : model::name(view.jobs.front().state);
}

} // namespace

void write_pause(Writer& out, std::string_view member, const std::optional<model::PauseView>& pause) {
  if (pause) {
    out.key(member).begin_object();
    out.member("by", pause->by).member("why", pause->why).member("since", to_text(pause->since));
    out.end_object();
  }
}

std::string because(const JobView& job, const TurnContext& context) {
  switch (job.reason) {
  case WaitReason::none:
    return "";
  case WaitReason::no_worker:
    return fmt::format("is next; no worker has asked for a job of kind {} yet", job.kind);
  case WaitReason::behind:
    return fmt::format("waits behind {}", blocking_job(job.behind, context));
  case WaitReason::behind_turn:
    return fmt::format("waits until the turn ends of {}", blocking_job(job.behind, context));
  case WaitReason::behind_hold:
    return fmt::format("waits behind {}", blocking_hold(job.behind, context));
  case WaitReason::paused:
    return context.pause ? fmt::format("is next, but {} paused the subject at {}: {}", context.pause->by,
                                       to_text(context.pause->since), context.pause->why)
                         : "is next, but the subject is paused";
  case WaitReason::kind_paused:
  case WaitReason::kind_limit:
    return because_of_kind(job);
  case WaitReason::scheduled:
    return fmt::format("is scheduled and enters the mailbox {}", moment(job.due, context.now));
  case WaitReason::backing_off:
    return fmt::format("failed and is tried again {}", moment(job.due, context.now));
  case WaitReason::halted:
    return "is out of attempts and stops its subject until somebody retries or cancels it";
  case WaitReason::parked:
    return "is out of attempts and was set aside until somebody retries or cancels it; its subject goes on";
  }
  return "";
}

std::string job_document(const JobStory& story, const TurnContext& context) {
  Writer out;
  out.begin_object();
  out.member("id", id_of(story.shard, story.entry));
  out.member("subject", story.job.subject).member("kind", story.job.kind);
  out.member("state", model::name(story.state));
  out.member("sequence", std::to_string(story.entry.value()));
  if (story.now) {
    out.member("position", story.now->position);
    write_wait(out, *story.now, context);
  }
  out.member("submitted_at", to_text(story.submitted_at));
  write_optional(out, "run_at", story.job.run_at);
  write_optional(out, "expires_at", story.job.expires_at);
  write_optional(out, "retry_at", story.retry_at);
  write_optional(out, "finished_at", story.finished_at);
  if (story.cancel_requested) {
    out.member("cancel_requested", true);
  }
  out.member("attempt", story.attempt.value()).member("failures", story.failures);
  write_options(out, story.job.options);
  write_attempts(out, story);
  write_texts(out, story);
  out.end_object();
  return std::move(out).take();
}

std::string hold_document(const model::HoldGrant& grant, std::string_view subject) {
  Writer out;
  out.begin_object();
  out.member("id", id_of(grant.shard, grant.entry)).member("subject", subject);
  out.member("fencing_token", std::to_string(grant.fencing_token.value()));
  out.member("ttl", to_text(grant.ttl)).member("waited_ms", grant.waited.count());
  out.member("expires_at", to_text(grant.expires_at));
  out.end_object();
  return std::move(out).take();
}

std::string busy_document(const model::SubjectBusy& busy, std::string_view subject, model::ShardId shard) {
  constexpr auto code = model::Errc::subject_busy;
  Writer out;
  out.begin_object();
  out.member("type", fmt::format("/problems/{}", model::name(code))).member("title", model::title(code));
  out.member("status", model::http_status(code)).member("subject", subject);
  out.member("detail", busy.turn    ? fmt::format("{} has the turn", busy.turn->worker)
                       : busy.pause ? fmt::format("{} paused the subject: {}", busy.pause->by, busy.pause->why)
                                    : "jobs or holds stand before this one");
  write_turn_or_null(out, "turn", busy.turn, shard);
  write_pause(out, "pause", busy.pause);
  out.member("queue_length", busy.queue_length);
  out.end_object();
  return std::move(out).take();
}

std::string pause_document(std::string_view subject, const std::optional<model::PauseView>& pause) {
  Writer out;
  out.begin_object();
  out.member("subject", subject).member("paused", pause.has_value());
  write_pause(out, "pause", pause);
  out.end_object();
  return std::move(out).take();
}

std::string subject_document(std::string_view subject, const model::SubjectView& view, model::ShardId shard, WallTime now) {
  const TurnContext context{shard, view.turn, view.pause, now};
  Writer out;
  out.begin_object();
  out.member("subject", subject).member("state", state_of(view));
  write_turn_or_null(out, "turn", view.turn, shard);
  write_pause(out, "pause", view.pause);
  out.member("queue_length", view.queue_length).member("outside_count", view.outside_count);
  out.key("jobs").begin_array();
  for (const JobView& job : view.jobs) {
    out.begin_object();
    out.member("id", id_of(shard, job.entry)).member("kind", job.kind).member("state", model::name(job.state));
    out.member("sequence", std::to_string(job.entry.value()));
    out.member("attempt", job.attempt.value()).member("position", job.position);
    write_wait(out, job, context);
    out.end_object();
  }
  out.end_array();
  out.end_object();
  return std::move(out).take();
}

} // namespace turnwise::api
