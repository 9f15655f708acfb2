#include "app/http/server.hpp"

#include <charconv>
#include <list>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/http/session.hpp"
#include "app/logging/logging.hpp"

namespace turnwise::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// Connections beyond the limit that are told so; more are closed without a word.
constexpr std::size_t turned_away_max = 64;
constexpr std::chrono::milliseconds accept_pause{100};

/// What all connections have together.
struct Shared {
  const Limits& limits;
  BodyBudget& bodies;
  asio::ssl::context* tls;

  [[nodiscard]] std::shared_ptr<Session> open(tcp::socket socket, Service& service) const {
    return std::make_shared<Session>(Stream(std::move(socket), tls), service, limits, bodies);
  }
};

/// A thread with the connections that belong to it.
class Worker {
public:
  asio::io_context& context() { return context_; }

  void start(unsigned number) {
    guard_.emplace(context_.get_executor());
    thread_ = std::thread([this, number] {
      pthread_setname_np(pthread_self(), fmt::format("http-{}", number).c_str());
      context_.run();
    });
  }

  /// @param count  of the connections of this sort; counts this one already, and no longer when it has ended
  asio::awaitable<void> serve(tcp::socket socket, Service& service, Shared shared, std::atomic<std::uint64_t>& count) {
    const auto session = shared.open(std::move(socket), service);
    const auto place = sessions_.insert(sessions_.end(), session.get());
    if (closing_) {
      session->close_when_idle();
    }
    co_await session->run();
    leave(place, count);
  }

  asio::awaitable<void> turn_away(tcp::socket socket, Service& service, Shared shared, std::atomic<std::uint64_t>& count) {
    const auto session = shared.open(std::move(socket), service);
    const auto place = sessions_.insert(sessions_.end(), session.get());
    model::Error full{model::Errc::unavailable, "this node has as many connections as it may have: try again later", ""};
    co_await session->turn_away(std::move(full));
    leave(place, count);
  }

  /// Ends idle connections now and the others after their answer; everything after `grace`.
  void close(std::chrono::milliseconds grace) {
    asio::post(context_, [this, grace] {
      closing_ = true;
      guard_.reset();
      for (Session* session : sessions_) {
        session->close_when_idle();
      }
      if (!sessions_.empty()) {
        deadline_.expires_after(grace);
        deadline_.async_wait([this](error_code failure) {
          if (!failure) {
            context_.stop();
          }
        });
      }
    });
  }

  void join() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }

private:
  void leave(std::list<Session*>::iterator place, std::atomic<std::uint64_t>& count) {
    count.fetch_sub(1);
    sessions_.erase(place);
    if (closing_ && sessions_.empty()) {
      deadline_.cancel();
    }
  }

  asio::io_context context_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard_;
  asio::steady_timer deadline_{context_};
  std::list<Session*> sessions_;
  bool closing_{};
  std::thread thread_;
};

} // namespace

struct Server::Impl {
  Impl(Limits given, unsigned threads, TlsContext context)
      : limits(given), tls(std::move(context)), workers(threads), acceptor(workers.front().context()) {}

  asio::awaitable<void> accept_all(Service& service) {
    for (std::size_t next = 0; acceptor.is_open(); ++next) {
      Worker& worker = workers[next % workers.size()];
      tcp::socket socket(worker.context());
      error_code failure;
      co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, failure));
      if (failure == asio::error::operation_aborted) {
        co_return;
      }
      if (failure) {
        spdlog::warn("http-accept-failed error={}", logging::quoted(failure.message()));
        asio::steady_timer pause(acceptor.get_executor(), accept_pause);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, failure));
        continue;
      }
      counters.accepted.fetch_add(1);
      take(std::move(socket), worker, service);
    }
  }

  /// Serves the connection, or says that there are too many, or just closes it when even those are many.
  void take(tcp::socket socket, Worker& worker, Service& service) {
    if (counters.open.load() < limits.connections_max) {
      counters.open.fetch_add(1);
      asio::co_spawn(worker.context(), worker.serve(std::move(socket), service, shared(), counters.open), asio::detached);
      return;
    }
    counters.turned_away.fetch_add(1);
    if (turning_away.load() < turned_away_max) {
      turning_away.fetch_add(1);
      asio::co_spawn(worker.context(), worker.turn_away(std::move(socket), service, shared(), turning_away), asio::detached);
    }
  }

  Shared shared() { return {limits, bodies, tls.get()}; }

  const Limits limits;
  const TlsContext tls; // outlives the connections, which are the workers'
  BodyBudget bodies{limits.bodies_bytes_max};
  Counters counters;
  std::atomic<std::uint64_t> turning_away{};
  std::vector<Worker> workers;
  tcp::acceptor acceptor;
  bool running{};
};

Server::Server(Limits limits, unsigned threads, TlsContext tls)
    : impl_(std::make_unique<Impl>(limits, threads, std::move(tls))) {}

Server::~Server() {
  stop(std::chrono::milliseconds{0});
}

model::Result<std::uint16_t> Server::bind(const Endpoint& endpoint) {
  auto fail = [&](const error_code& failure) {
    return model::Error{model::Errc::unavailable, fmt::format("cannot listen on {}: {}", endpoint.text(), failure.message()),
                        ""};
  };
  error_code failure;
  tcp::resolver resolver(impl_->workers.front().context());
  const auto found = resolver.resolve(endpoint.host, std::to_string(endpoint.port), tcp::resolver::passive, failure);
  if (failure || found.empty()) {
    return fail(failure);
  }
  const tcp::endpoint address = found.begin()->endpoint();
  auto& acceptor = impl_->acceptor;
  acceptor.open(address.protocol(), failure);
  if (!failure) {
    acceptor.set_option(tcp::acceptor::reuse_address(true), failure);
  }
  if (!failure) {
    acceptor.bind(address, failure);
  }
  if (!failure) {
    // Only a listening socket keeps others from binding when both reuse the address.
    acceptor.listen(tcp::acceptor::max_listen_connections, failure);
  }
  if (failure) {
    return fail(failure);
  }
  return acceptor.local_endpoint().port();
}

void Server::start(Service& service) {
  impl_->running = true;
  asio::co_spawn(impl_->acceptor.get_executor(), impl_->accept_all(service), asio::detached);
  for (unsigned i = 0; i < impl_->workers.size(); ++i) {
    impl_->workers[i].start(i);
  }
}

void Server::stop_accepting() {
  asio::post(impl_->acceptor.get_executor(), [impl = impl_.get()] {
    error_code ignored;
    impl->acceptor.close(ignored);
  });
}

void Server::stop(std::chrono::milliseconds grace) {
  if (!std::exchange(impl_->running, false)) {
    return;
  }
  stop_accepting();
  for (Worker& worker : impl_->workers) {
    worker.close(grace);
  }
  for (Worker& worker : impl_->workers) {
    worker.join();
  }
}

const Counters& Server::counters() const {
  return impl_->counters;
}

std::string Endpoint::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

bool Endpoint::is_loopback() const {
  error_code failure;
  const auto address = asio::ip::make_address(host, failure);
  return failure ? host == "localhost" : address.is_loopback();
}

model::Result<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  Endpoint endpoint;
  bool good = colon != std::string_view::npos && colon > 0;
  if (good) {
    auto host = text.substr(0, colon);
    const auto port = text.substr(colon + 1);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    host = bracketed ? host.substr(1, host.size() - 2) : host;
    const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    good = failure == std::errc{} && end == port.data() + port.size() && !host.empty() &&
           (bracketed || host.find(':') == host.npos);
    endpoint.host = host;
  }
  if (!good) {
    return model::Error{model::Errc::malformed, fmt::format("\"{}\" is not an address like 127.0.0.1:7171 or [::1]:7171", text),
                        ""};
  }
  return endpoint;
}

} // namespace turnwise::http
