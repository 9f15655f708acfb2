// Calls about the node itself.
#include <fmt/format.h>

#include "app/http/response.hpp"
#include "app/json/writer.hpp"
#include "app/routes/openapi.hpp"
#include "app/routes/routes.hpp"

namespace turnwise::routes {
namespace {

/// Counts of now, then those since the process started.
std::string stats_document(const actors::Stats& stats) {
  json::Writer out;
  out.begin_object();
  out.member("jobs_open", stats.jobs_open).member("jobs_running", stats.jobs_running);
  out.member("subjects_active", stats.subjects_active).member("claims_waiting", stats.claims_waiting);
  out.member("submitted", stats.submitted).member("started", stats.started).member("succeeded", stats.succeeded);
  out.member("attempts_failed", stats.attempts_failed).member("parked", stats.parked);
  out.member("failed", stats.failed).member("cancelled", stats.cancelled);
  out.member("shards_owned", stats.shards_owned).member("shards_total", stats.shards_total);
  out.member("journal_up", stats.journal_up);
  out.key("journal").begin_object();
  out.member("batches", stats.batches).member("rows", stats.rows);
  out.member("fenced", stats.fenced).member("unknown_outcomes", stats.unknown_outcomes);
  out.end_object().end_object();
  return std::move(out).take();
}

std::string connection_metrics(const http::Counters& counters) {
  return fmt::format("# HELP turnwise_http_connections Connections that are open.\n"
                     "# TYPE turnwise_http_connections gauge\n"
                     "turnwise_http_connections {}\n"
                     "# HELP turnwise_http_connections_accepted_total Connections that were accepted.\n"
                     "# TYPE turnwise_http_connections_accepted_total counter\n"
                     "turnwise_http_connections_accepted_total {}\n"
                     "# HELP turnwise_http_connections_turned_away_total Connections beyond the limit.\n"
                     "# TYPE turnwise_http_connections_turned_away_total counter\n"
                     "turnwise_http_connections_turned_away_total {}\n",
                     counters.open.load(), counters.accepted.load(), counters.turned_away.load());
}

} // namespace

Answered show_stats(Context& context, Request) {
  co_return json_response(200, stats_document(context.engine.stats()));
}

Answered show_metrics(Context& context, Request) {
  auto response = json_response(200, context.engine.metrics() + connection_metrics(context.connections));
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return response;
}

Answered livez(Context&, Request) {
  co_return json_response(200, R"({"status":"alive"})");
}

Answered readyz(Context& context, Request) {
  if (context.draining) {
    co_return http::problem_response({model::Errc::unavailable, "this node is draining: use another one", ""});
  }
  if (!context.engine.ready()) {
    co_return http::problem_response(
        {model::Errc::unavailable, "this node is loading its shards or has lost PostgreSQL: try again later", ""});
  }
  co_return json_response(200, R"({"status":"ready"})");
}

Answered show_openapi(Context&, Request) {
  co_return json_response(200, std::string{openapi_document()});
}

} // namespace turnwise::routes
