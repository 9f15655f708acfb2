#include "app/node/run.hpp"

#include <cstdlib>
#include <iostream>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/handlers/runner.hpp"
#include "app/logging/logging.hpp"
#include "app/node/descriptors.hpp"
#include "app/node/drain.hpp"
#include "app/node/listeners.hpp"
#include "app/node/place.hpp"
#include "app/node/pushing.hpp"
#include "app/node/stop_limit.hpp"
#include "app/node/stop_signal.hpp"
#include "app/routes/context.hpp"

namespace turnwise::node {
namespace {

/// What the end may take beyond the time that running work is given; it takes less when PostgreSQL answers.
constexpr std::chrono::milliseconds farewell_max{10'000};

int failed(const model::Error& error, std::string_view hint) {
  std::cerr << "turnwise: " << error.detail << '\n';
  if (error.code == model::Errc::unavailable && !hint.empty()) {
    std::cerr << hint << '\n';
  }
  return exit_failed;
}

/// A node that has been declared dead must not say another word, over HTTP neither: nothing is flushed, nobody is waited for,
/// and a PostgreSQL of its own is left running.
void end_process(const std::string& reason) {
  spdlog::critical("node-fatal reason={}", logging::quoted(reason));
  std::_Exit(exit_fatal);
}

model::Result<std::unique_ptr<handlers::Runner>> start_handlers(actors::Engine& engine, push::Courier& courier,
                                                                const Parts& parts) {
  handlers::Handlers own{parts.options.exec, parts.in_process, pushing_by(courier, engine, parts.options.engine.node_name)};
  handlers::RunnerConfig config;
  config.node_name = parts.options.engine.node_name;
  config.lease = std::max(config.lease, parts.options.engine.lease_min);
  return handlers::Runner::start(engine, parts.spawner.get(), config, std::move(own));
}

/// Nothing that was acknowledged is lost, but nothing was given back either: others take over when this node's lease is over.
/// A PostgreSQL of its own that does not answer is left as it is.
void give_up_stopping() {
  spdlog::critical("node-stopped-at-once reason=\"PostgreSQL does not answer\"");
  std::_Exit(exit_failed);
}

/// Everything between the start of the engine and its end.
int serve(const Parts& parts, Listeners& listeners, actors::Engine& engine, StopSignal& stop, StopLimit& limit) {
  const auto courier = start_courier(parts.options.push, listeners.endpoints(), engine);
  if (!courier) {
    return failed(courier.error(), "");
  }
  auto handlers = start_handlers(engine, **courier, parts);
  if (!handlers) {
    return failed(handlers.error(), "");
  }
  const PushWatch watch(engine, **handlers);
  const std::string& address = listeners.address();
  routes::Context context{engine, listeners.server().counters(), {}};
  context.limits.lease_min = parts.options.engine.lease_min;
  context.limits.push_schemes = parts.options.push.http ? push::Schemes::https_and_http : push::Schemes::https;
  for (const auto& kind : parts.options.exec) {
    context.runs_here.emplace(kind.kind, "exec");
  }
  for (const auto& kind : parts.in_process) {
    context.runs_here.emplace(kind.kind, "in-process");
  }
  listeners.start(context, {});
  spdlog::info("node-serving address={} node={} kinds={} auth={} tls={}", address,
               logging::quoted(parts.options.engine.node_name), parts.options.exec.size() + parts.in_process.size(),
               parts.options.auth, parts.options.tls_certificate.empty() ? "no" : "yes");
  parts.up(listeners.url());

  stop.wait();
  spdlog::info("node-draining address={}", address);
  limit.begin(parts.options.engine.drain_max + farewell_max);
  drain(context, handlers->get(), handlers_patience({parts.options.exec, {}}, parts.options.engine.drain_max),
        listeners.server());
  listeners.stop();
  spdlog::info("node-stopped address={}", address);
  return exit_done;
}

} // namespace

int run(Parts parts) {
  StopSignal stop;
  const auto connections_max = make_room_for_connections(parts.options);
  if (!connections_max) {
    return failed(connections_max.error(), "");
  }
  // First the address, then the engine: who has the address has proved that an older incarnation of this node is gone.
  const auto listeners = Listeners::bind(parts.options, *connections_max);
  if (!listeners) {
    return failed(listeners.error(), "Is another node running there? Choose another address with --listen.");
  }
  parts.options.engine.address = place_of((*listeners)->address());
  parts.options.engine.reads_tokens = parts.options.asks_tokens();
  StopLimit limit(give_up_stopping); // outlives the engine, whose threads may hang
  auto engine = actors::Engine::start(parts.options.engine, std::move(parts.store), end_process);
  if (!engine) {
    return failed(engine.error(), parts.unreachable_hint);
  }
  return serve(parts, **listeners, **engine, stop, limit);
}

} // namespace turnwise::node
