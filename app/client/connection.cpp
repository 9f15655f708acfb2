#include "app/client/connection.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace turnwise::client {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

// Blocking calls of Asio know no timeouts. So every step starts as an asynchronous one, and an event loop that has nothing
// else to do runs until it has ended.
struct Client::Connection::Wire {
  Wire(Url to, Options with) : url(std::move(to)), options(std::move(with)) {}

  Url url;
  Options options;
  asio::io_context loop{1};
  beast::tcp_stream stream{loop};
  beast::flat_buffer buffer;
  bool open{};

  template <class Start>
  beast::error_code run(Clock::time_point deadline, Start&& start) {
    beast::error_code outcome;
    stream.expires_at(deadline);
    start([&outcome](beast::error_code error, auto&&...) { outcome = error; });
    loop.restart();
    loop.run();
    return outcome;
  }

  void close() {
    beast::error_code ignored;
    stream.socket().close(ignored);
    buffer.clear();
    open = false;
  }

  // A node closes connections that were idle for long. Seen before sending, that needs no repetition.
  [[nodiscard]] bool closed_by_peer() {
    beast::error_code error;
    char byte{};
    stream.socket().non_blocking(true, error);
    stream.socket().receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
    return error != asio::error::would_block;
  }

  [[nodiscard]] std::string place() const {
    const bool bare = url.host.find(':') == std::string::npos;
    return (bare ? url.host : "[" + url.host + "]") + ":" + url.port;
  }

  [[nodiscard]] model::Error error(model::Errc code, std::string_view what, beast::error_code reason) const {
    const bool late = reason == beast::error::timeout;
    return {code, std::string{what} + " " + place() + ": " + (late ? "it took too long" : reason.message()), {}};
  }
};

Client::Connection::Connection(Url url, Options options) : wire_(std::make_unique<Wire>(std::move(url), std::move(options))) {}

Client::Connection::~Connection() = default;

Result<model::Done> Client::Connection::connect() {
  auto& wire = *wire_;
  if (wire.open && !wire.closed_by_peer())
    return model::Done{};
  wire.close();
  beast::error_code error;
  tcp::resolver resolver{wire.loop};
  const auto endpoints = resolver.resolve(wire.url.host, wire.url.port, error);
  if (!error)
    error = wire.run(Clock::now() + wire.options.connect_timeout,
                     [&](auto done) { wire.stream.async_connect(endpoints, std::move(done)); });
  if (error) {
    wire.close();
    return wire.error(model::Errc::unavailable, "cannot connect to", error);
  }
  wire.stream.socket().set_option(tcp::no_delay{true}, error);
  wire.open = true;
  return model::Done{};
}

namespace {

http::request<http::string_body> make_request(std::string_view method, std::string_view target, std::string_view body,
                                              std::span<const Header> headers) {
  http::request<http::string_body> request;
  request.version(11);
  request.method_string(method);
  request.target(target);
  request.body() = body;
  if (!body.empty())
    request.set(http::field::content_type, "application/json");
  for (const auto& header : headers)
    request.set(header.name, header.value);
  return request;
}

Reply make_reply(http::response<http::string_body>&& response) {
  Reply reply{static_cast<int>(response.result_int()), std::move(response.body()), {}};
  for (const auto& field : response)
    reply.headers.push_back({std::string{field.name_string()}, std::string{field.value()}});
  return reply;
}

} // namespace

Result<Reply> Client::Connection::exchange(std::string_view method, std::string_view target, std::string_view body,
                                           std::span<const Header> headers, milliseconds wait) {
  if (auto connected = connect(); !connected)
    return connected.error();
  auto& wire = *wire_;
  auto request = make_request(method, target, body, headers);
  request.set(http::field::host, wire.place());
  if (!wire.options.token.empty())
    request.set(http::field::authorization, "Bearer " + wire.options.token);
  request.prepare_payload();

  const auto deadline = Clock::now() + wire.options.request_timeout + wait;
  auto error = wire.run(deadline, [&](auto done) { http::async_write(wire.stream, request, std::move(done)); });
  http::response_parser<http::string_body> parser;
  parser.body_limit(wire.options.reply_bytes_max);
  if (!error)
    error = wire.run(deadline, [&](auto done) { http::async_read(wire.stream, wire.buffer, parser, std::move(done)); });
  if (error) {
    wire.close();
    return wire.error(model::Errc::outcome_unknown, "no answer from", error);
  }
  if (!parser.get().keep_alive())
    wire.close();
  return make_reply(parser.release());
}

} // namespace turnwise::client
