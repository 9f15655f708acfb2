#include "app/node/drain.hpp"

#include <algorithm>
#include <thread>

namespace turnwise::node {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds connections_patience{2'000};
constexpr milliseconds outcome_time{1'000};

} // namespace

milliseconds handlers_patience(const handlers::Handlers& handlers, milliseconds drain_max) {
  milliseconds grace{0};
  for (const auto& kind : handlers.exec) {
    grace = std::max(grace, kind.grace);
  }
  return std::max(drain_max - grace - outcome_time, milliseconds{0});
}

void drain(routes::Context& context, handlers::Runner* runner, milliseconds patience, http::Server& server) {
  context.draining = true;
  std::jthread handlers([&] {
    if (runner != nullptr) {
      runner->stop(patience);
    }
  });
  context.engine.drain();
  handlers.join();
  server.stop_accepting();
  server.stop(connections_patience);
}

} // namespace turnwise::node
