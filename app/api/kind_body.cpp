// The settings of a kind as clients send them, and a kind as they see it.
#include "app/api/job_options.hpp"
#include "app/api/push_body.hpp"
#include "app/api/render.hpp"

namespace turnwise::api {
namespace {

/// How its jobs are tried, with everything that the settings leave to Turnwise.
model::JobOptions in_force(const model::KindSettings& settings) {
  const model::Policy policy = model::policy_of(settings);
  model::JobOptions all;
  all.max_attempts = policy.max_attempts;
  all.backoff = policy.backoff;
  all.on_failure = policy.on_failure;
  if (policy.timeout.count() > 0) {
    all.timeout = policy.timeout;
  }
  all.lease = policy.lease;
  return all;
}

} // namespace

Result<model::PutKind> parse_kind_settings(const boost::json::object& object, const RequestLimits& limits) {
  model::PutKind put;
  model::KindSettings& settings = put.settings;
  ObjectReader in(object, "");
  read_options(in, settings.defaults, limits);
  if (const auto count = in.integer("concurrency", 1, model::kind_concurrency_max)) {
    settings.concurrency = static_cast<std::uint32_t>(*count);
  }
  read_push(in, put, limits);
  if (auto fault = std::move(in).fault("a kind has max_attempts, backoff, on_failure, timeout, lease, concurrency, push")) {
    return std::move(*fault);
  }
  return put;
}

void write_kind(Writer& out, const actors::KindStatus& status, std::string_view runs_here, std::string_view new_secret) {
  const model::Kind& kind = status.kind;
  out.begin_object();
  out.member("kind", kind.name).member("revision", kind.revision);
  out.key("settings").begin_object();
  write_options(out, kind.settings.defaults);
  if (kind.settings.concurrency) {
    out.member("concurrency", *kind.settings.concurrency);
  }
  write_push(out, kind.settings);
  out.end_object();
  out.key("policy").begin_object();
  write_options(out, in_force(kind.settings));
  out.end_object();
  out.member("paused", kind.pause.has_value());
  write_pause(out, "pause", kind.pause);
  write_secrets(out, kind.settings);
  if (!new_secret.empty()) {
    out.member("new_secret", new_secret);
  }
  out.member("running", status.running).member("waiting", status.waiting);
  if (!runs_here.empty()) {
    out.member("runs_here", runs_here);
  }
  out.end_object();
}

} // namespace turnwise::api
