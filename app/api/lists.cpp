// Lists as JSON.
#include "app/api/lists.hpp"

#include <fmt/format.h>

#include "app/api/render.hpp"
#include "app/api/time_text.hpp"

namespace turnwise::api {
namespace {

std::string id_of(model::ShardId shard, model::EntryNumber entry) {
  return model::to_string(model::JobId{shard, entry});
}

void write_moment(Writer& out, std::string_view name, const std::optional<WallTime>& moment) {
  if (moment) {
    out.member(name, to_text(*moment));
  }
}

void write_next(Writer& out, const std::optional<model::ListPlace>& next) {
  if (next) {
    out.member("next", to_cursor(*next));
  }
}

void write_job(Writer& out, const model::ListItem& item, WallTime now) {
  const model::JobView& job = item.view;
  out.begin_object().member("id", id_of(item.shard, job.entry)).member("subject", item.subject);
  out.member("kind", job.kind).member("state", model::name(job.state));
  out.member("sequence", std::to_string(job.entry.value())).member("attempt", job.attempt.value());
  write_moment(out, "since", item.since);
  if (job.reason != model::WaitReason::none) {
    out.member("reason", model::name(job.reason));
    out.member("because", because(job, {item.shard, std::nullopt, std::nullopt, now}));
  }
  if (job.behind.value() != 0) {
    out.member("behind", id_of(item.shard, job.behind));
  }
  write_moment(out, "due", job.due);
  if (!item.owner.empty()) {
    out.member("worker", item.owner);
  }
  write_moment(out, "lease_expires_at", item.lease_expires_at);
  out.end_object();
}

void write_finished(Writer& out, const model::JobStory& job) {
  out.begin_object().member("id", id_of(job.shard, job.entry)).member("kind", job.job.kind);
  out.member("state", model::name(job.state)).member("sequence", std::to_string(job.entry.value()));
  out.member("submitted_at", to_text(job.submitted_at));
  write_moment(out, "finished_at", job.finished_at);
  out.member("attempt", job.attempt.value());
  if (!job.failure.empty()) {
    out.member("failure", job.failure);
  }
  out.end_object();
}

} // namespace

std::string jobs_document(const model::ListPage& page, WallTime now) {
  Writer out;
  out.begin_object().key("jobs").begin_array();
  for (const auto& item : page.items) {
    write_job(out, item, now);
  }
  out.end_array();
  write_next(out, page.next);
  out.end_object();
  return std::move(out).take();
}

std::string holds_document(const model::ListPage& page) {
  Writer out;
  out.begin_object().key("holds").begin_array();
  for (const auto& item : page.items) {
    out.begin_object().member("id", id_of(item.shard, item.view.entry)).member("subject", item.subject);
    out.member("state", item.view.state == model::JobState::running ? "held" : "waiting").member("owner", item.owner);
    write_moment(out, "since", item.since);
    write_moment(out, "expires_at", item.lease_expires_at);
    out.end_object();
  }
  out.end_array();
  write_next(out, page.next);
  out.end_object();
  return std::move(out).take();
}

std::string history_document(std::string_view subject, const model::FinishedJobs& page) {
  Writer out;
  out.begin_object().member("subject", subject).key("jobs").begin_array();
  for (const auto& job : page.jobs) {
    write_finished(out, job);
  }
  out.end_array();
  if (page.next) {
    out.member("next", to_cursor(*page.next));
  }
  out.end_object();
  return std::move(out).take();
}

std::string many_changed_document(const std::vector<ChangedJob>& jobs, const std::optional<model::ListPlace>& next) {
  std::size_t changed = 0;
  Writer results;
  results.begin_array();
  for (const auto& [id, result] : jobs) {
    results.begin_object().member("id", id);
    if (result) {
      ++changed;
      results.member("status", 200).member("state", model::name(result->state));
      results.member("cancel_requested", result->cancel_requested);
    } else {
      results.member("status", model::http_status(result.error().code)).key("problem");
      write_problem(results, result.error());
    }
    results.end_object();
  }
  results.end_array();
  Writer out;
  out.begin_object().member("changed", changed).member("refused", jobs.size() - changed);
  out.key("results").raw(std::move(results).take());
  write_next(out, next);
  out.end_object();
  return std::move(out).take();
}

} // namespace turnwise::api
