#include "app/client/connection.hpp"

#include <poll.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
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
  std::optional<asio::ssl::context> trusted; // with https
  beast::tcp_stream stream{loop};
  std::optional<asio::ssl::stream<beast::tcp_stream&>> tls; // over `stream`, while connected with https
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
    tls.reset();
    stream.socket().close(ignored);
    buffer.clear();
    open = false;
  }

  // A node closes connections that were idle for long. Seen before sending, that needs no repetition.
  [[nodiscard]] bool closed_by_peer() {
    if (tls) { // which may have something to say between answers
      pollfd asked{stream.socket().native_handle(), POLLRDHUP, 0};
      return ::poll(&asked, 1, 0) > 0;
    }
    beast::error_code error;
    char byte{};
    stream.socket().non_blocking(true, error);
    stream.socket().receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
    return error != asio::error::would_block;
  }

  // The certificate must be for the host that was asked for, by name or by address.
  beast::error_code shake_hands(Clock::time_point deadline) {
    tls.emplace(stream, *trusted);
    tls->set_verify_mode(asio::ssl::verify_peer);
    tls->set_verify_callback(asio::ssl::host_name_verification(url.host));
    beast::error_code error;
    asio::ip::make_address(url.host, error);
    if (error) // a name: a server with several needs to know which
      SSL_set_tlsext_host_name(tls->native_handle(), url.host.c_str());
    return run(deadline, [&](auto done) { tls->async_handshake(asio::ssl::stream_base::client, std::move(done)); });
  }

  // The same on either stream.
  template <class Start>
  beast::error_code transfer(Clock::time_point deadline, Start&& start) {
    return tls ? run(deadline, [&](auto done) { start(*tls, std::move(done)); })
               : run(deadline, [&](auto done) { start(stream, std::move(done)); });
  }

  [[nodiscard]] http::request<http::string_body> request(std::string_view method, std::string_view target,
                                                         std::string_view body, std::span<const Header> headers) const {
    http::request<http::string_body> request;
    request.version(11);
    request.method_string(method);
    request.target(target);
    request.body() = body;
    if (!body.empty())
      request.set(http::field::content_type, "application/json");
    for (const auto& header : headers)
      request.set(header.name, header.value);
    request.set(http::field::host, place());
    if (!options.token.empty())
      request.set(http::field::authorization, "Bearer " + options.token);
    request.prepare_payload();
    return request;
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

Result<model::Done> Client::Connection::trust() {
  auto& wire = *wire_;
  if (wire.url.scheme == Scheme::http)
    return model::Done{};
  wire.trusted.emplace(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(wire.trusted->native_handle(), TLS1_2_VERSION);
  beast::error_code error;
  const auto& file = wire.options.ca_file;
  file.empty() ? wire.trusted->set_default_verify_paths(error) : wire.trusted->load_verify_file(file, error);
  if (error)
    return model::Error{model::Errc::malformed, "cannot use the certificates of " + file + ": " + error.message(), {}};
  return model::Done{};
}

Result<model::Done> Client::Connection::connect() {
  auto& wire = *wire_;
  if (wire.open && !wire.closed_by_peer())
    return model::Done{};
  wire.close();
  beast::error_code error;
  tcp::resolver resolver{wire.loop};
  const auto endpoints = resolver.resolve(wire.url.host, wire.url.port, error);
  const auto deadline = Clock::now() + wire.options.connect_timeout;
  if (!error)
    error = wire.run(deadline, [&](auto done) { wire.stream.async_connect(endpoints, std::move(done)); });
  if (!error && wire.trusted)
    error = wire.shake_hands(deadline);
  if (error) {
    wire.close();
    return wire.error(model::Errc::unavailable, "cannot connect to", error);
  }
  wire.stream.socket().set_option(tcp::no_delay{true}, error);
  wire.open = true;
  return model::Done{};
}

namespace {

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
  const auto request = wire.request(method, target, body, headers);
  const auto deadline = Clock::now() + wire.options.request_timeout + wait;
  auto error = wire.transfer(deadline, [&](auto& stream, auto done) { http::async_write(stream, request, std::move(done)); });
  http::response_parser<http::string_body> parser;
  parser.body_limit(wire.options.reply_bytes_max);
  if (!error)
    error = wire.transfer(deadline,
                          [&](auto& stream, auto done) { http::async_read(stream, wire.buffer, parser, std::move(done)); });
  if (error) {
    wire.close();
    return wire.error(model::Errc::outcome_unknown, "no answer from", error);
  }
  if (!parser.get().keep_alive())
    wire.close();
  return make_reply(parser.release());
}

Result<Reply> Client::Connection::follow(std::string_view target, std::span<const Header> headers, milliseconds silence_max,
                                         const Sink& sink) {
  if (auto connected = connect(); !connected)
    return connected.error();
  auto& wire = *wire_;
  const auto request = wire.request("GET", target, {}, headers);
  const auto soon = [&] { return Clock::now() + wire.options.request_timeout; };
  auto error = wire.transfer(soon(), [&](auto& stream, auto done) { http::async_write(stream, request, std::move(done)); });
  http::response_parser<http::string_body> parser;
  parser.body_limit(boost::none); // what has come is handed on and forgotten
  if (!error)
    error = wire.transfer(
        soon(), [&](auto& stream, auto done) { http::async_read_header(stream, wire.buffer, parser, std::move(done)); });
  auto& body = parser.get().body();
  const bool says_no = !error && parser.get().result_int() >= 300;
  bool goes_on = true;
  while (!error && goes_on && !parser.is_done()) {
    error = wire.transfer(Clock::now() + silence_max, [&](auto& stream, auto done) {
      http::async_read_some(stream, wire.buffer, parser, std::move(done));
    });
    if (says_no && body.size() > wire.options.reply_bytes_max)
      error = http::error::body_limit;
    if (!error && !says_no && !body.empty()) {
      goes_on = sink(body);
      body.clear();
    }
  }
  wire.close();
  if (error)
    return wire.error(model::Errc::unavailable, "lost the answer of", error);
  return make_reply(parser.release());
}

} // namespace turnwise::client
