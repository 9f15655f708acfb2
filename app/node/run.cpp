#include "app/node/run.hpp"

#include <sys/resource.h>

#include <cstdlib>
#include <iostream>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/handlers/runner.hpp"
#include "app/http/router.hpp"
#include "app/http/server.hpp"
#include "app/node/place.hpp"
#include "app/node/stop_limit.hpp"
#include "app/node/stop_signal.hpp"
#include "app/routes/routes.hpp"

namespace turnwise::node {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds handlers_patience_max{10'000};
constexpr milliseconds connections_patience{2'000};
/// What the end may take beyond the time that running work is given; it takes less when PostgreSQL answers.
constexpr milliseconds farewell_max{10'000};
constexpr rlim_t descriptors_besides_connections = 256;

int failed(const model::Error& error, std::string_view hint) {
  std::cerr << "turnwise: " << error.detail << '\n';
  if (error.code == model::Errc::unavailable && !hint.empty()) {
    std::cerr << hint << '\n';
  }
  return exit_failed;
}

/// As many descriptors as the connections need, or as the system gives.
void raise_descriptor_limit(std::size_t connections_max) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return;
  }
  const rlim_t wanted = connections_max + descriptors_besides_connections;
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur < wanted) {
    spdlog::warn("descriptors-scarce limit={} wanted={}", limit.rlim_cur, wanted);
  }
}

/// A node that has been declared dead must not say another word: nothing is flushed and nobody is waited for.
std::function<void(std::string)> end_process(std::function<void()> farewell) {
  return [farewell = std::move(farewell)](const std::string& reason) {
    spdlog::critical("node-fatal reason=\"{}\"", reason);
    farewell();
    std::_Exit(exit_fatal);
  };
}

model::Result<std::unique_ptr<handlers::Runner>> start_handlers(actors::Engine& engine, const Parts& parts) {
  handlers::Handlers own{parts.options.exec, parts.in_process};
  if (own.empty()) {
    return std::unique_ptr<handlers::Runner>{};
  }
  handlers::RunnerConfig config;
  config.node_name = parts.options.engine.node_name;
  config.lease = std::max(config.lease, parts.options.engine.lease_min);
  return handlers::Runner::start(engine, parts.spawner.get(), config, std::move(own));
}

/// Nothing that was acknowledged is lost, but nothing was given back either: others take over when this node's lease is over.
std::function<void()> give_up_stopping(std::function<void()> farewell) {
  return [farewell = std::move(farewell)] {
    spdlog::critical("node-stopped-at-once reason=\"PostgreSQL does not answer\"");
    farewell();
    std::_Exit(exit_failed);
  };
}

/// Everything between the start of the engine and its end.
int serve(const Parts& parts, const std::string& address, http::Server& server, actors::Engine& engine, StopSignal& stop,
          StopLimit& limit) {
  auto handlers = start_handlers(engine, parts);
  if (!handlers) {
    return failed(handlers.error(), "");
  }
  http::Limits limits;
  limits.connections_max = parts.options.connections_max;
  routes::Context context{engine, server.counters(), {}};
  context.limits.lease_min = parts.options.engine.lease_min;
  http::Router router(routes::all(context, limits), limits.body_bytes_max);
  server.start(router);
  spdlog::info("node-serving address={} node={} kinds={}", address, parts.options.engine.node_name,
               parts.options.exec.size() + parts.in_process.size());
  parts.up("http://" + address);

  stop.wait();
  spdlog::info("node-draining address={}", address);
  context.draining = true;
  if (*handlers) {
    (*handlers)->stop(std::min(parts.options.engine.drain_max, handlers_patience_max));
  }
  limit.begin(parts.options.engine.drain_max + farewell_max);
  server.stop_accepting();
  engine.drain();
  server.stop(connections_patience);
  spdlog::info("node-stopped address={}", address);
  return exit_done;
}

int run_parts(Parts& parts) {
  const auto endpoint = http::parse_endpoint(parts.options.listen);
  if (!endpoint) {
    return failed(endpoint.error(), "");
  }
  StopSignal stop;
  raise_descriptor_limit(parts.options.connections_max);
  http::Server server({.connections_max = parts.options.connections_max}, parts.options.http_threads);

  // First the address, then the engine: who has the address has proved that an older incarnation of this node is gone.
  const auto port = server.bind(*endpoint);
  if (!port) {
    return failed(port.error(), "Is another node running there? Choose another address with --listen.");
  }
  const std::string address = http::Endpoint{endpoint->host, *port}.text();
  parts.options.engine.address = place_of(address);
  StopLimit limit(give_up_stopping(parts.farewell)); // outlives the engine, whose threads may hang
  auto engine = actors::Engine::start(parts.options.engine, std::move(parts.store), end_process(parts.farewell));
  if (!engine) {
    return failed(engine.error(), parts.unreachable_hint);
  }
  return serve(parts, address, server, **engine, stop, limit);
}

} // namespace

int run(Parts parts) {
  const int status = run_parts(parts);
  parts.farewell();
  return status;
}

} // namespace turnwise::node
