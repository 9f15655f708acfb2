#include "app/routes/routes.hpp"

namespace turnwise::routes {
namespace {

using Verb = actors::Answer::Verb;
using Call = Answered (*)(Context&, Request);

} // namespace

std::vector<http::Route> all(Context& context, const http::Limits& limits) {
  const std::size_t body = limits.body_bytes_max;
  const std::size_t batch = limits.batch_bytes_max;
  std::vector<http::Route> routes;
  auto get = [&](std::string_view pattern, Call call) {
    routes.push_back({http::Verb::get, pattern, [&context, call](Request request) { return call(context, std::move(request)); },
                      http::Route::Takes::nothing, body});
  };
  auto post = [&](std::string_view pattern, std::size_t bytes_max, Call call) {
    routes.push_back({http::Verb::post, pattern,
                      [&context, call](Request request) { return call(context, std::move(request)); }, http::Route::Takes::json,
                      bytes_max});
  };
  auto call = [&](http::Verb verb, std::string_view pattern, http::Route::Takes takes, Call handler) {
    routes.push_back(
        {verb, pattern, [&context, handler](Request request) { return handler(context, std::move(request)); }, takes, body});
  };
  auto verdict = [&](std::string_view pattern, Verb verb) {
    routes.push_back({http::Verb::post, pattern,
                      [&context, verb](Request request) { return answer_claim(context, std::move(request), verb); },
                      http::Route::Takes::json, body});
  };

  post("/v1/jobs", body, submit);
  post("/v1/claims", batch, claim); // carries results
  verdict("/v1/claims/{receipt}/complete", Verb::complete);
  verdict("/v1/claims/{receipt}/fail", Verb::fail);
  verdict("/v1/claims/{receipt}/heartbeat", Verb::heartbeat);
  verdict("/v1/claims/{receipt}/release", Verb::release);
  post("/v1/jobs/batch", batch, submit_batch);
  get("/v1/jobs/{id}", show_job);
  post("/v1/jobs/{id}/cancel", body, cancel_job);
  post("/v1/jobs/{id}/retry", body, retry_job);
  get("/v1/subjects/{subject}", show_subject);
  routes.back().query = {"jobs"};
  post("/v1/subjects/{subject}/pause", body, pause_subject);
  post("/v1/subjects/{subject}/resume", body, resume_subject);
  post("/v1/subjects/{subject}/holds", body, take_hold);
  call(http::Verb::patch, "/v1/holds/{id}", http::Route::Takes::json, renew_hold);
  call(http::Verb::delete_, "/v1/holds/{id}", http::Route::Takes::nothing, release_hold);
  get("/v1/kinds", list_kinds);
  get("/v1/kinds/{kind}", show_kind);
  call(http::Verb::put, "/v1/kinds/{kind}", http::Route::Takes::json, put_kind);
  post("/v1/kinds/{kind}/pause", body, pause_kind);
  post("/v1/kinds/{kind}/resume", body, resume_kind);
  get("/v1/stats", show_stats);
  get("/livez", livez);
  get("/readyz", readyz);
  get("/metrics", show_metrics);
  get("/openapi.json", show_openapi);
  return routes;
}

} // namespace turnwise::routes
