// Listens, and spreads connections over threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "app/http/limits.hpp"
#include "app/http/tls.hpp"
#include "model/errors.hpp"

namespace turnwise::http {

class Service;

/// host:port, the host perhaps in brackets.
struct Endpoint {
  std::string host;
  std::uint16_t port{};
  [[nodiscard]] std::string text() const;
  /// 127.0.0.0/8, ::1 or localhost: reachable from this machine only.
  [[nodiscard]] bool is_loopback() const;
};
model::Result<Endpoint> parse_endpoint(std::string_view text);

struct Counters {
  std::atomic<std::uint64_t> open{}, accepted{}, turned_away{};
};

/// Threads: the calls below come from one thread, the owner's. Each connection belongs to one of the server's threads for life.
class Server {
public:
  /// @param tls  null: connections are in the clear
  Server(Limits limits, unsigned threads, TlsContext tls = nullptr);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Takes the address. From now on connections queue up in the kernel, but none is served. The owner has proved by this that
  /// no other process listens there. @returns the port, which the kernel chose when `endpoint` has port 0
  model::Result<std::uint16_t> bind(const Endpoint& endpoint);

  /// Starts the threads and serves. `service` outlives the server's threads.
  void start(Service& service);

  /// Takes no further connections; those that are open are served on.
  void stop_accepting();

  /// Lets every connection finish the answer it works on, for at most `grace`, then ends all and joins the threads.
  void stop(std::chrono::milliseconds grace);

  [[nodiscard]] const Counters& counters() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace turnwise::http
