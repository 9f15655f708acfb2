// The table of all calls of the HTTP API.
#pragma once

#include <vector>

#include "app/http/limits.hpp"
#include "app/http/router.hpp"
#include "app/routes/context.hpp"

namespace turnwise::routes {

/// `context` outlives the routes.
std::vector<http::Route> all(Context& context, const http::Limits& limits);

Answered submit(Context& context, Request request);
Answered submit_batch(Context& context, Request request);
Answered show_job(Context& context, Request request);
Answered cancel_job(Context& context, Request request);
Answered retry_job(Context& context, Request request);
Answered list_jobs(Context& context, Request request);
Answered change_jobs(Context& context, Request request, model::ChangeVerb verb);
Answered show_subject(Context& context, Request request);
Answered show_history(Context& context, Request request);
Answered pause_subject(Context& context, Request request);
Answered resume_subject(Context& context, Request request);
Answered take_hold(Context& context, Request request);
Answered list_holds(Context& context, Request request);
Answered renew_hold(Context& context, Request request);
Answered release_hold(Context& context, Request request);
Answered claim(Context& context, Request request);
Answered answer_claim(Context& context, Request request, actors::Answer::Verb verb);
Answered list_kinds(Context& context, Request request);
Answered show_kind(Context& context, Request request);
Answered put_kind(Context& context, Request request);
Answered pause_kind(Context& context, Request request);
Answered resume_kind(Context& context, Request request);
Answered show_stats(Context& context, Request request);
Answered show_events(Context& context, Request request);
Answered show_metrics(Context& context, Request request);
Answered livez(Context& context, Request request);
Answered readyz(Context& context, Request request);
Answered show_openapi(Context& context, Request request);

} // namespace turnwise::routes
