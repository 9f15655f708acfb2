// Puts the node's courier together with its runner and its kinds.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/engine.hpp"
#include "app/config/node_options.hpp"
#include "app/handlers/push_kind.hpp"
#include "app/handlers/runner.hpp"
#include "app/http/server.hpp"
#include "app/push/courier.hpp"

namespace turnwise::node {

/// A courier that goes where the options say.
/// @param own     where this node listens: it does not push to itself
/// @param engine  outlives the courier
model::Result<std::unique_ptr<push::Courier>>
start_courier(const config::PushOptions& options, const std::vector<http::Endpoint>& own, const actors::Engine& engine);

/// How the runner pushes: by this courier; a kind that nobody wants any more is paused.
/// @param engine, courier  outlive the runner
handlers::Pushing pushing_by(push::Courier& courier, actors::Engine& engine, const std::string& node_name);

/// Those of the kinds that are to be pushed.
std::vector<handlers::PushKind> push_kinds_of(const std::vector<actors::KindStatus>& kinds);

/// While it lives, the runner pushes what the engine's kinds say.
class PushWatch {
public:
  /// @param engine, runner  outlive it
  PushWatch(actors::Engine& engine, handlers::Runner& runner);
  ~PushWatch();
  PushWatch(const PushWatch&) = delete;
  PushWatch& operator=(const PushWatch&) = delete;

private:
  actors::Engine& engine_;
};

} // namespace turnwise::node
