// How a node ends in order: what runs ends or is given back while HTTP is still there for the workers that say so.
#pragma once

#include <chrono>

#include "actors/engine.hpp"
#include "app/handlers/runner.hpp"
#include "app/http/server.hpp"
#include "app/routes/context.hpp"

namespace turnwise::node {

/// How long the node's own handlers may go on when all has to be over after `drain_max`: what is stopped then still needs its
/// grace to end, and its outcome a moment to be written.
std::chrono::milliseconds handlers_patience(const handlers::Handlers& handlers, std::chrono::milliseconds drain_max);

/// Drains handlers and engine at the same time, so that both have the same deadline. Connections are taken and served all the
/// while: workers may need a new one to say what became of their work, and /readyz says that the node drains. Only then no
/// further ones are taken, and those that are open are ended. Blocks a few seconds longer than the engine's drain_max at most.
/// @param runner  null when the node runs no kind itself
void drain(routes::Context& context, handlers::Runner* runner, std::chrono::milliseconds patience, http::Server& server);

} // namespace turnwise::node
