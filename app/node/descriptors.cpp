#include "app/node/descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace turnwise::node {
namespace {

constexpr std::size_t base = 192; ///< 64 of them for clients that are turned away
constexpr std::size_t per_http_thread = 4;
constexpr std::size_t per_command = 4; ///< both ends of its socket, its input, and one that its end still holds
constexpr std::size_t connections_min = 10;

} // namespace

std::size_t descriptors_besides_connections(const config::NodeOptions& options) {
  std::size_t reserve = base + options.engine.lanes + options.engine.readers + per_http_thread * options.http_threads;
  if (!options.admin_listen.empty()) {
    reserve += operator_connections_max + per_http_thread;
  }
  for (const auto& kind : options.exec) {
    reserve += per_command * kind.concurrency;
  }
  return reserve;
}

model::Result<std::size_t> connections_within(std::size_t descriptors, std::size_t reserve, std::size_t wanted) {
  if (descriptors < reserve + std::min(wanted, connections_min)) {
    return model::Error{model::Errc::unavailable,
                        fmt::format("this process may have {} files open, and needs {} besides those for connections: raise "
                                    "the limit (ulimit -n), or let fewer commands run at a time",
                                    descriptors, reserve),
                        ""};
  }
  return std::min(wanted, descriptors - reserve);
}

model::Result<std::size_t> make_room_for_connections(const config::NodeOptions& options) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return options.connections_max;
  }
  const auto reserve = descriptors_besides_connections(options);
  const rlim_t wanted = options.connections_max + reserve;
  if (limit.rlim_cur < wanted) {
    const auto before = std::exchange(limit.rlim_cur, std::min(wanted, limit.rlim_max));
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
      limit.rlim_cur = before;
    }
  }
  const auto fit = connections_within(limit.rlim_cur, reserve, options.connections_max);
  if (fit && *fit < options.connections_max) {
    spdlog::warn("descriptors-scarce limit={} wanted={} connections_max={}", limit.rlim_cur, wanted, *fit);
  }
  return fit;
}

} // namespace turnwise::node
