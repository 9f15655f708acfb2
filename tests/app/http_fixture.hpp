// A real server on a port of the kernel's choice, over a fake engine; and a client that sends exactly the bytes it is given.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/http/router.hpp"
#include "app/http/server.hpp"
#include "app/routes/routes.hpp"
#include "fake_engine.hpp"

namespace turnwise::test {

struct Reply {
  int status{};
  std::string head; ///< everything before the body
  std::string body;
  /// The value of a header field; empty when there is none.
  [[nodiscard]] std::string field(std::string_view name) const;
};

/// One connection. Every wait ends after ten seconds, with a failed test.
class RawClient {
public:
  explicit RawClient(std::uint16_t port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// @returns whether the bytes could be sent: not when the server has closed
  bool send(std::string_view bytes);
  /// Takes some bytes that are there, at most so many, past read(). @returns how many; none when the server has closed
  std::size_t receive(std::size_t bytes_max);
  /// Some bytes past read(), at least one; none when the server has closed.
  std::string read_some();
  /// Reads one response.
  Reply read();
  Reply ask(std::string_view bytes) {
    send(bytes);
    return read();
  }
  /// Whether the server closes the connection without another byte.
  bool is_closed();
  void close();
  /// Takes in some bytes. @returns false when none came
  bool read_more();

private:
  int socket_{-1};
  std::string received_;
};

class HttpFixture {
public:
  explicit HttpFixture(http::Limits limits = {}, milliseconds engine_timeout = milliseconds{10'000});
  ~HttpFixture();

  RawClient connect() const { return RawClient(port_); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// One request on a connection of its own.
  Reply get(std::string_view target, std::string_view more_fields = "") const;
  Reply post(std::string_view target, std::string_view body, std::string_view more_fields = "") const;

  FakeEngine engine;
  http::Server server;
  routes::Context context;
  http::Router router;

private:
  std::uint16_t port_{};
};

/// The bytes of a POST with a JSON body.
std::string post_bytes(std::string_view target, std::string_view body, std::string_view more_fields = "");

} // namespace turnwise::test
