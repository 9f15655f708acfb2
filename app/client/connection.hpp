// Inside app/client: one keep-alive HTTP/1.1 connection with a deadline on everything but the resolution of names,
// which takes what the system gives it. Only here is Boost.Beast.
#pragma once

#include <memory>
#include <string_view>

#include "app/client/client.hpp"
#include "app/client/url.hpp"

namespace turnwise::client {

class Client::Connection {
public:
  Connection(Url url, Options options);
  ~Connection();

  /// Reads the certificates to trust, where any are needed. To be called first.
  Result<model::Done> trust();

  /// One request and its answer. Connects first where needed; after an error the connection is closed.
  Result<Reply> exchange(std::string_view method, std::string_view target, std::string_view body,
                         std::span<const Header> headers, milliseconds wait);

  /// As Client::follow.
  Result<Reply> follow(std::string_view target, std::span<const Header> headers, milliseconds silence_max, const Sink& sink);

private:
  struct Wire;
  Result<model::Done> connect();
  std::unique_ptr<Wire> wire_;
};

} // namespace turnwise::client
