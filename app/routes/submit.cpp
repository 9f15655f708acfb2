// POST /v1/jobs and /v1/jobs/batch.
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "app/api/headers.hpp"
#include "app/api/render.hpp"
#include "app/http/response.hpp"
#include "app/routes/answers.hpp"
#include "app/routes/collector.hpp"
#include "app/routes/routes.hpp"

namespace turnwise::routes {
namespace {

using http::problem_response;
using model::Accepted;
using model::NewJob;

constexpr std::string_view key_field = "idempotency-key";

/// What the job itself says of its trace comes first.
void carry_trace(const Request& request, NewJob& job) {
  if (job.traceparent.empty()) {
    job.traceparent = api::traceparent(request.field("traceparent"));
  }
}

/// A single job with its key.
model::Result<NewJob> read_job(const Context& context, const Request& request) {
  const auto body = body_object(request);
  if (!body) {
    return body.error();
  }
  auto job = api::parse_new_job(body->get_object(), api::KeyPlace::header, context.limits);
  if (job && request.has_field(key_field)) {
    auto key = api::idempotency_key(request.field(key_field));
    if (!key) {
      return key.error();
    }
    job->key = std::move(*key);
  }
  if (job) {
    carry_trace(request, *job);
  }
  return job;
}

Response accepted_response(const Accepted& accepted, const std::string& subject, const std::string& kind) {
  json::Writer out;
  out.begin_object();
  api::write_accepted(out, accepted, subject, kind);
  out.end_object();
  auto response = json_response(api::status_of(accepted), std::move(out).take());
  response.fields.emplace_back("Location",
                               fmt::format("/v1/jobs/{}", model::to_string(model::JobId{accepted.shard, accepted.entry})));
  if (accepted.disposition == model::Disposition::duplicate) {
    response.fields.emplace_back("Idempotency-Replayed", "true");
  }
  return response;
}

struct ItemNames {
  std::string subject;
  std::string kind;
};

void write_item(json::Writer& out, const model::Result<Accepted>& result, const ItemNames& names) {
  out.begin_object();
  if (result) {
    out.member("status", api::status_of(*result));
    api::write_accepted(out, *result, names.subject, names.kind);
  } else {
    out.member("status", model::http_status(result.error().code));
    out.key("problem");
    api::write_problem(out, result.error());
  }
  out.end_object();
}

} // namespace

Answered submit(Context& context, Request request) {
  auto job = read_job(context, request);
  if (!job) {
    co_return problem_response(job.error());
  }
  const ItemNames names{job->subject, job->kind};
  std::vector<NewJob> jobs;
  jobs.push_back(std::move(*job));
  const auto collector = std::make_shared<Collector>(co_await boost::asio::this_coro::executor, 1);
  context.engine.submit(std::move(jobs), collector);
  const auto accepted = expect<Accepted>(co_await collect_one(collector, context.engine_timeout), Effect::write);
  co_return accepted ? accepted_response(*accepted, names.subject, names.kind) : problem_response(accepted.error());
}

Answered submit_batch(Context& context, Request request) {
  if (request.has_field(key_field)) {
    co_return problem_response({model::Errc::malformed,
                                "a batch takes no header Idempotency-Key: give each job its own in the member idempotency_key",
                                ""});
  }
  const auto body = body_object(request, {.depth = 3});
  auto items = body ? api::parse_batch(body->get_object(), context.limits) : body.error();
  if (!items) {
    co_return problem_response(items.error());
  }
  std::vector<NewJob> jobs;
  std::vector<ItemNames> names;
  for (auto& item : *items) {
    if (item) {
      names.push_back({item->subject, item->kind});
      carry_trace(request, *item);
      jobs.push_back(std::move(*item));
    }
  }
  const auto collector = std::make_shared<Collector>(co_await boost::asio::this_coro::executor, jobs.size());
  if (!jobs.empty()) {
    context.engine.submit(std::move(jobs), collector);
  }
  auto answers = co_await collector->collect(context.engine_timeout);

  json::Writer out;
  out.begin_object().key("results").begin_array();
  std::size_t next = 0; // of the answers: one per valid item
  for (const auto& item : *items) {
    if (item) {
      write_item(out, expect<Accepted>(std::move(answers[next]), Effect::write), names[next]);
      ++next;
    } else {
      write_item(out, item.error(), {});
    }
  }
  out.end_array().end_object();
  co_return json_response(200, std::move(out).take());
}

} // namespace turnwise::routes
