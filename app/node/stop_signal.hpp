// SIGTERM, SIGINT and SIGHUP as something to wait for.
#pragma once

#include <future>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

namespace turnwise::node {

/// Takes over these signals while it lives: the first ends wait(), the second ends the process at once. SIGHUP is left alone
/// when it was ignored before (nohup). SIGPIPE is ignored from then on: a connection or a log that nobody reads is no reason to
/// end. Has one thread.
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
