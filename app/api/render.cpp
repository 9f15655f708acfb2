#include "app/api/render.hpp"

#include <fmt/format.h>

#include "app/api/time_text.hpp"
#include "model/subject.hpp"

namespace turnwise::api {

namespace {

std::string readable(const std::string& text) {
  return model::is_utf8(text) ? text : model::to_utf8(text, 3 * text.size());
}

} // namespace

void write_problem(Writer& out, const model::Error& error) {
  out.begin_object();
  out.member("type", fmt::format("/problems/{}", model::name(error.code)));
  out.member("title", model::title(error.code));
  out.member("status", model::http_status(error.code));
  if (!error.detail.empty()) {
    out.member("detail", readable(error.detail)); // may repeat bytes of a path, which need not be UTF-8
  }
  if (error.code == model::Errc::malformed || !error.pointer.empty()) {
    out.member("pointer", readable(error.pointer));
  }
  out.end_object();
}

std::string problem(const model::Error& error) {
  Writer out;
  write_problem(out, error);
  return std::move(out).take();
}

int status_of(const model::Accepted& accepted) {
  return accepted.disposition == model::Disposition::accepted ? 201 : 200;
}

void write_accepted(Writer& out, const model::Accepted& accepted, std::string_view subject, std::string_view kind) {
  out.member("id", model::to_string(model::JobId{accepted.shard, accepted.entry}));
  out.member("subject", subject);
  out.member("kind", kind);
  out.member("sequence", std::to_string(accepted.entry.value()));
  out.member("position", accepted.position);
  out.member("state", model::name(accepted.state));
  out.member("disposition", model::name(accepted.disposition));
}

void write_grant(Writer& out, const model::Grant& grant, model::Now now) {
  const model::Receipt receipt{grant.shard, {grant.entry, grant.attempt, grant.nonce}};
  out.begin_object();
  out.member("receipt", model::to_string(receipt));
  out.member("job", model::to_string(model::JobId{grant.shard, grant.entry}));
  out.member("subject", grant.subject);
  out.member("kind", grant.kind);
  out.member("attempt", grant.attempt.value());
  out.member("fencing_token", std::to_string(grant.fencing_token.value()));
  out.member("lease", to_text(grant.lease));
  out.member("lease_expires_at", to_text(now.wall + (grant.deadline - now.mono)));
  if (!grant.metadata.empty()) {
    out.key("metadata").raw(grant.metadata);
  }
  if (!grant.traceparent.empty()) {
    out.member("traceparent", grant.traceparent);
  }
  out.key("payload").raw(grant.payload.empty() ? "null" : grant.payload);
  out.end_object();
}

void write_outcome(Writer& out, const model::Outcome& outcome) {
  out.member("state", model::name(outcome.state));
  if (outcome.retry_at) {
    out.member("retry_at", to_text(*outcome.retry_at));
  }
}

void write_extended(Writer& out, const model::Extended& extended) {
  out.member("lease", to_text(extended.lease));
  out.member("cancel", extended.cancel);
}

void write_changed(Writer& out, const model::JobId& job, const model::Changed& changed) {
  out.member("id", model::to_string(job));
  out.member("state", model::name(changed.state));
  out.member("cancel_requested", changed.cancel_requested);
}

} // namespace turnwise::api
