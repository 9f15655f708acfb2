// Turns for outside code, and subjects that an operator stops.
#include <fmt/format.h>

#include "app/api/headers.hpp"
#include "app/api/render.hpp"
#include "app/api/time_text.hpp"
#include "app/http/response.hpp"
#include "app/routes/collector.hpp"
#include "app/routes/routes.hpp"
#include "model/subject.hpp"

namespace turnwise::routes {
namespace {

using http::problem_response;
using model::Errc;
using model::Error;
using model::JobId;
using model::Ticket;

/// Jobs in `defer` keep their payload as it was written.
constexpr json::OpaqueMembers deferred_texts{.depth = 2};

model::Result<std::string> read_subject(const Request& request) {
  if (const auto checked = model::check_subject(request.parameters.front()); !checked) {
    return checked.error();
  }
  return request.parameters.front();
}

/// The hold that a PATCH or DELETE is about, and the token that it must still have.
struct Named {
  JobId hold;
  model::FencingToken token;
};

model::Result<Named> read_named(const Request& request) {
  const auto id = model::parse_job_id(request.parameters.front());
  if (!id) {
    return Error{Errc::not_found, fmt::format("{} is no id of a hold; is there a typing mistake?", request.parameters.front()),
                 ""};
  }
  const auto token = api::if_match(request.field("if-match"));
  if (!token) {
    return token.error();
  }
  return Named{*id, *token};
}

Response granted_response(Context& context, const model::HoldGrant& grant, const std::string& subject) {
  auto response = json_response(201, api::hold_document(grant, subject));
  const JobId id{grant.shard, grant.entry};
  response.fields.emplace_back("Location", fmt::format("/v1/holds/{}", model::to_string(id)));
  response.fields.emplace_back("ETag", fmt::format("\"{}\"", grant.fencing_token.value()));
  response.undelivered = [&engine = context.engine, grant] { give_back(engine, grant); };
  return response;
}

Response busy_response(Context& context, const model::SubjectBusy& busy, const std::string& subject) {
  Response response;
  response.status = model::http_status(Errc::subject_busy);
  response.content_type = "application/problem+json";
  response.body = api::busy_document(busy, subject, model::shard_of(subject, context.engine.cluster().shard_count));
  return response;
}

Response deferred_response(const model::Accepted& accepted, const std::string& subject, const std::string& kind) {
  json::Writer out;
  out.begin_object();
  api::write_accepted(out, accepted, subject, kind);
  out.end_object();
  auto response = json_response(202, std::move(out).take());
  response.fields.emplace_back("Location", fmt::format("/v1/jobs/{}", model::to_string(JobId{accepted.shard, accepted.entry})));
  return response;
}

} // namespace

Answered take_hold(Context& context, Request request) {
  const auto subject = read_subject(request);
  const auto body = subject ? body_object(request, deferred_texts) : subject.error();
  auto hold = body ? api::parse_hold(*subject, body->get_object(), context.limits) : body.error();
  if (!hold) {
    co_return problem_response(hold.error());
  }
  if (hold->deferred && !request.caller.scopes.allow(model::Scope::submit)) {
    co_return problem_response({Errc::forbidden, "a hold that may become a job also needs a token with the scope submit", ""});
  }
  hold->claimant = request.caller.owner;
  if (hold->deferred && hold->deferred->traceparent.empty()) {
    hold->deferred->traceparent = api::traceparent(request.field("traceparent"));
  }
  const std::string kind = hold->deferred ? hold->deferred->kind : "";
  const auto patience = hold->wait + context.engine_timeout;
  const auto collector = std::make_shared<HoldCollector>(co_await boost::asio::this_coro::executor, context.engine);
  request.peer->on_gone([collector] { collector->abandon(); });
  context.engine.hold(std::move(*hold), Ticket{collector, 0});
  auto answer = co_await collector->collect(patience);
  if (answer) {
    if (const auto* grant = std::get_if<model::HoldGrant>(&*answer)) {
      co_return granted_response(context, *grant, *subject);
    }
    if (const auto* busy = std::get_if<model::SubjectBusy>(&*answer)) {
      co_return busy_response(context, *busy, *subject);
    }
  }
  const auto accepted = expect<model::Accepted>(std::move(answer), Effect::write);
  co_return accepted ? deferred_response(*accepted, *subject, kind) : problem_response(accepted.error());
}

Answered renew_hold(Context& context, Request request) {
  const auto named = read_named(request);
  const auto body = named ? body_object(request) : named.error();
  const auto ttl = body ? api::parse_renewal(body->get_object(), context.limits) : body.error();
  if (!ttl) {
    co_return problem_response(ttl.error());
  }
  const auto extended = co_await ask_engine<model::Extended>(context.engine_timeout, Effect::write, [&](Ticket ticket) {
    context.engine.renew_hold({named->hold, named->token, request.caller.owner}, *ttl, std::move(ticket));
  });
  if (!extended) {
    co_return problem_response(extended.error());
  }
  json::Writer out;
  out.begin_object();
  out.member("id", model::to_string(named->hold)).member("ttl", api::to_text(extended->lease));
  out.end_object();
  co_return json_response(200, std::move(out).take());
}

Answered release_hold(Context& context, Request request) {
  const auto named = read_named(request);
  if (!named) {
    co_return problem_response(named.error());
  }
  const auto gone = co_await ask_engine<model::HoldGone>(context.engine_timeout, Effect::write, [&](Ticket ticket) {
    context.engine.release_hold({named->hold, named->token, request.caller.owner}, std::move(ticket));
  });
  co_return gone ? json_response(200, "{}") : problem_response(gone.error());
}

Answered pause_subject(Context& context, Request request) {
  const auto subject = read_subject(request);
  const auto body = subject ? body_object(request) : subject.error();
  auto words = body ? api::parse_words(body->get_object(), api::Wants::by_and_why) : body.error();
  if (!words) {
    co_return problem_response(words.error());
  }
  const auto changed = co_await ask_engine<model::PauseChanged>(context.engine_timeout, Effect::write, [&](Ticket ticket) {
    context.engine.pause(*subject, std::move(words->by), std::move(words->why), std::move(ticket));
  });
  co_return changed ? json_response(200, api::pause_document(*subject, changed->pause)) : problem_response(changed.error());
}

Answered resume_subject(Context& context, Request request) {
  const auto subject = read_subject(request);
  const auto body = subject ? body_object(request) : subject.error();
  auto words = body ? api::parse_words(body->get_object(), api::Wants::by) : body.error();
  if (!words) {
    co_return problem_response(words.error());
  }
  const auto changed = co_await ask_engine<model::PauseChanged>(context.engine_timeout, Effect::write, [&](Ticket ticket) {
    context.engine.resume(*subject, std::move(words->by), std::move(ticket));
  });
  co_return changed ? json_response(200, api::pause_document(*subject, changed->pause)) : problem_response(changed.error());
}

} // namespace turnwise::routes
