// File descriptors: how many a node may have open, and what they are kept for.
#pragma once

#include <cstddef>

#include "app/config/node_options.hpp"
#include "model/errors.hpp"

namespace turnwise::node {

/// Operators have few, on a listener of their own.
inline constexpr std::size_t operator_connections_max = 100;

/// What a node needs besides the connections of its clients: for PostgreSQL, threads and logs, for telling clients that there
/// are too many, and for every command that it may run at a time.
std::size_t descriptors_besides_connections(const config::NodeOptions& options);

/// How many connections may be open when the system gives `descriptors`: as many as are wanted, or as leave `reserve` free.
/// @returns unavailable when hardly any would be left, with what to do
model::Result<std::size_t> connections_within(std::size_t descriptors, std::size_t reserve, std::size_t wanted);

/// Raises the limit of this process as far as it has to and may be, and says how many connections fit into it.
model::Result<std::size_t> make_room_for_connections(const config::NodeOptions& options);

} // namespace turnwise::node
