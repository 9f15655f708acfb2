#include "app/routes/routes.hpp"

namespace turnwise::routes {
namespace {

using Verb = actors::Answer::Verb;
using http::Access;
using Call = Answered (*)(Context&, Request);

} // namespace

std::vector<http::Route> all(Context& context, const http::Limits& limits) {
  const std::size_t body = limits.body_bytes_max;
  const std::size_t batch = limits.batch_bytes_max;
  std::vector<http::Route> routes;
  // What a row does not say is for operators alone: see http::Access.
  auto call = [&](http::Verb verb, std::string_view pattern, http::Route::Takes takes, Call handler,
                  Access access = Access::operate, std::string_view action = "") {
    routes.push_back({verb,
                      pattern,
                      [&context, handler](Request request) { return handler(context, std::move(request)); },
                      takes,
                      body,
                      {},
                      access,
                      action});
  };
  auto get = [&](std::string_view pattern, Call handler, Access access = Access::operate) {
    call(http::Verb::get, pattern, http::Route::Takes::nothing, handler, access);
  };
  auto post = [&](std::string_view pattern, std::size_t bytes_max, Call handler, Access access = Access::operate,
                  std::string_view action = "") {
    call(http::Verb::post, pattern, http::Route::Takes::json, handler, access, action);
    routes.back().body_bytes_max = bytes_max;
  };
  auto verdict = [&](std::string_view pattern, Verb verb) {
    routes.push_back({http::Verb::post,
                      pattern,
                      [&context, verb](Request request) { return answer_claim(context, std::move(request), verb); },
                      http::Route::Takes::json,
                      body,
                      {},
                      Access::work});
  };

  auto change = [&](std::string_view pattern, model::ChangeVerb verb, std::string_view action) {
    routes.push_back({http::Verb::post,
                      pattern,
                      [&context, verb](Request request) { return change_jobs(context, std::move(request), verb); },
                      http::Route::Takes::json,
                      body,
                      {},
                      Access::operate,
                      action});
  };

  post("/v1/jobs", body, submit, Access::submit);
  post("/v1/claims", batch, claim, Access::work); // carries results
  verdict("/v1/claims/{receipt}/complete", Verb::complete);
  verdict("/v1/claims/{receipt}/fail", Verb::fail);
  verdict("/v1/claims/{receipt}/heartbeat", Verb::heartbeat);
  verdict("/v1/claims/{receipt}/release", Verb::release);
  post("/v1/jobs/batch", batch, submit_batch, Access::submit);
  get("/v1/jobs", list_jobs, Access::read);
  routes.back().query = {"state", "kind", "subject", "after", "limit"};
  change("/v1/jobs/retry", model::ChangeVerb::retry, "retry-many");
  change("/v1/jobs/cancel", model::ChangeVerb::cancel, "cancel-many");
  get("/v1/jobs/{id}", show_job, Access::read);
  post("/v1/jobs/{id}/cancel", body, cancel_job, Access::submit, "cancel");
  post("/v1/jobs/{id}/retry", body, retry_job, Access::submit, "retry");
  get("/v1/subjects/{subject}", show_subject, Access::read);
  routes.back().query = {"jobs"};
  get("/v1/subjects/{subject}/history", show_history, Access::read);
  routes.back().query = {"after", "limit"};
  post("/v1/subjects/{subject}/pause", body, pause_subject, Access::operate, "pause");
  post("/v1/subjects/{subject}/resume", body, resume_subject, Access::operate, "resume");
  post("/v1/subjects/{subject}/holds", body, take_hold, Access::work);
  get("/v1/holds", list_holds, Access::read);
  routes.back().query = {"subject", "after", "limit"};
  call(http::Verb::patch, "/v1/holds/{id}", http::Route::Takes::json, renew_hold, Access::work);
  call(http::Verb::delete_, "/v1/holds/{id}", http::Route::Takes::nothing, release_hold, Access::work);
  get("/v1/kinds", list_kinds, Access::read);
  get("/v1/kinds/{kind}", show_kind, Access::read);
  call(http::Verb::put, "/v1/kinds/{kind}", http::Route::Takes::json, put_kind, Access::operate, "change-kind");
  post("/v1/kinds/{kind}/pause", body, pause_kind, Access::operate, "pause-kind");
  post("/v1/kinds/{kind}/resume", body, resume_kind, Access::operate, "resume-kind");
  get("/v1/events", show_events, Access::read);
  routes.back().query = {"subject", "kind"};
  get("/v1/stats", show_stats, Access::read);
  get("/livez", livez, Access::open);
  get("/readyz", readyz, Access::open);
  get("/metrics", show_metrics, Access::operate);
  get("/openapi.json", show_openapi, Access::read);
  return routes;
}

} // namespace turnwise::routes
