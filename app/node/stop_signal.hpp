// SIGTERM and SIGINT as something to wait for.
#pragma once

#include <future>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

namespace turnwise::node {

/// Takes over both signals while it lives: the first ends wait(), the second ends the process at once. Has one thread.
class StopSignal {
public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// Blocks until the first signal.
  void wait() { first_.get_future().wait(); }

private:
  boost::asio::io_context context_{1};
  boost::asio::signal_set signals_;
  std::promise<void> first_;
  std::thread thread_;
};

} // namespace turnwise::node
