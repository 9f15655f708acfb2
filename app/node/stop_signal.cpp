#include "app/node/stop_signal.hpp"

#include <csignal>
#include <cstdlib>

#include <spdlog/spdlog.h>

#include "app/node/run.hpp"

namespace turnwise::node {

using boost::system::error_code;

StopSignal::StopSignal() : signals_(context_, SIGTERM, SIGINT) {
  std::signal(SIGPIPE, SIG_IGN);
  struct sigaction hang_up {};
  if (sigaction(SIGHUP, nullptr, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN) {
    signals_.add(SIGHUP);
  }
  signals_.async_wait([this](error_code failure, int) {
    if (failure) {
      return;
    }
    first_.set_value();
    signals_.async_wait([](error_code second_failure, int) {
      if (!second_failure) {
        spdlog::warn("node-stopped-at-once reason=\"second signal\"");
        std::_Exit(exit_failed);
      }
    });
  });
  thread_ = std::thread([this] { context_.run(); });
}

StopSignal::~StopSignal() {
  context_.stop();
  thread_.join();
}

} // namespace turnwise::node
