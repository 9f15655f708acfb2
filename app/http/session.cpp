#include "app/http/session.hpp"

#include <poll.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/http/framing.hpp"
#include "app/logging/logging.hpp"

namespace turnwise::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using model::Errc;
using model::Error;
using std::chrono::steady_clock;

constexpr std::size_t read_bytes_max = 64 * 1024;
constexpr std::size_t head_read_bytes = 4 * 1024;
constexpr std::string_view end_of_head = "\r\n\r\n";
/// Between two looks whether a client hung up that has sent bytes before its request was answered.
constexpr milliseconds look_gap{200};

std::string_view view(const beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

Error body_too_large(std::size_t bytes_max) {
  return {Errc::too_large, fmt::format("the body may have {} bytes: send less, or in several requests", bytes_max), ""};
}

Error no_room() {
  return {Errc::unavailable, "the bodies of other requests take all the memory that there is for them: try again later", ""};
}

Error malformed_body(const error_code& failure) {
  return {Errc::malformed, fmt::format("the body is malformed: {}", failure.message()), ""};
}

/// Whether the client hung up, as far as the socket knows: also when there are bytes before the end.
bool has_hung_up(int socket) {
  pollfd asked{socket, POLLRDHUP, 0};
  return ::poll(&asked, 1, 0) > 0;
}

std::string name_of_peer(Stream& stream) {
  error_code failure;
  const auto peer = stream.socket().remote_endpoint(failure);
  if (failure) {
    return "";
  }
  const auto address = peer.address().to_string();
  return peer.address().is_v6() ? fmt::format("[{}]:{}", address, peer.port()) : fmt::format("{}:{}", address, peer.port());
}

} // namespace

Session::Session(Stream stream, Service& service, const Limits& limits, BodyBudget& bodies)
    : stream_(std::move(stream)),
      from_(name_of_peer(stream_)),
      service_(service),
      limits_(limits),
      bodies_(bodies),
      buffer_(2 * read_bytes_max),
      look_timer_(stream_.get_executor()) {
  error_code ignored;
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Session::close_when_idle() {
  closing_ = true;
  if (idle_) {
    stream_.cancel();
  }
}

asio::awaitable<void> Session::run() {
  const auto self = shared_from_this();
  try {
    if (co_await greet()) {
      while (co_await serve_one()) {
      }
    }
  } catch (const boost::system::system_error&) {
    // The client went away or was too slow; nobody is left to tell.
  } catch (const std::exception& fault) {
    spdlog::error("http-connection-failed error={}", logging::quoted(fault.what()));
  }
  stream_.close();
}

asio::awaitable<bool> Session::greet() {
  if (!stream_.is_encrypted()) {
    co_return true;
  }
  stream_.expires_after(limits_.handshake_deadline);
  co_return !co_await stream_.shake_hands();
}

asio::awaitable<bool> Session::serve_one() {
  auto received = co_await receive();
  if (!received) {
    const Response response = problem_response(received.error());
    if (co_await send(response, Connection::close, Body::send)) {
      co_await linger();
    }
    co_return false;
  }
  if (!received.value()) {
    co_return false;
  }
  Incoming incoming = std::move(*received.value());
  const auto peer = std::make_shared<Peer>([this](const std::shared_ptr<Peer>& client) { watch(client); });
  incoming.request.peer = peer;
  incoming.request.from = from_;
  const Response response = co_await answer(std::move(incoming.request));
  if (response.pieces) {
    co_await send_pieces(response, incoming.body);
    co_return false;
  }
  const Connection connection = closing_ ? Connection::close : incoming.connection;
  const bool gone = peer->gone() || (response.undelivered && has_hung_up(stream_.socket().native_handle()));
  const bool written = !gone && co_await send(response, connection, incoming.body);
  if (!written && response.undelivered) {
    response.undelivered();
  }
  co_return written&& connection == Connection::keep;
}

asio::awaitable<model::Result<std::optional<Session::Incoming>>> Session::receive() {
  const auto head = co_await read_head();
  if (!head) {
    co_return head.error();
  }
  if (head.value() == 0) {
    co_return std::optional<Incoming>{};
  }
  if (auto fault = check_head(view(buffer_).substr(0, head.value()), limits_)) {
    co_return std::move(*fault);
  }
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(2 * limits_.head_bytes_max)); // checked already, by our own limit
  parser.body_limit(boost::none);                                              // known when the route is
  error_code failure;
  buffer_.consume(parser.put(asio::buffer(buffer_.data().data(), head.value()), failure));
  if (failure && failure != beast::http::error::need_more) {
    co_return Error{Errc::malformed, fmt::format("the head of the request is malformed: {}", failure.message()), ""};
  }
  // Trailers of a chunked body would join the fields: they are taken as they are now.
  Fields fields = parser.chunked() ? Fields{parser.get().base()} : Fields{};
  const auto bytes_max = service_.body_bytes_max(parser.get().base());
  if (!bytes_max && !parser.is_done()) {
    co_return bytes_max.error(); // its body stays unread
  }
  BodyShare share(bodies_);
  if (auto fault = co_await read_body(parser, bytes_max ? bytes_max.value() : 0, share)) {
    co_return std::move(*fault);
  }
  co_return take_message(parser, std::move(fields), std::move(share));
}

Session::Incoming Session::take_message(Parser& parser, Fields fields, BodyShare share) {
  const bool keep = parser.keep_alive() && parser.get().version() == 11;
  auto message = parser.release();
  Incoming incoming{{}, {}, {}, std::move(share)};
  incoming.connection = keep ? Connection::keep : Connection::close;
  incoming.body = message.method() == Verb::head ? Body::leave_out : Body::send;
  incoming.request.method = message.method();
  incoming.request.target = std::string{message.target()};
  incoming.request.body = std::move(message.body());
  incoming.request.fields = parser.chunked() ? std::move(fields) : Fields{std::move(message.base())};
  return incoming;
}

std::optional<model::Error> Session::check_size() const {
  const auto bytes = view(buffer_);
  if (bytes.size() > limits_.request_line_bytes_max && bytes.find('\n') == std::string_view::npos) {
    return Error{Errc::headers_too_large, fmt::format("the request line may have {} bytes", limits_.request_line_bytes_max),
                 ""};
  }
  if (bytes.size() > limits_.head_bytes_max) {
    return Error{Errc::headers_too_large, fmt::format("the head of a request may have {} bytes", limits_.head_bytes_max), ""};
  }
  return std::nullopt;
}

asio::awaitable<model::Result<std::size_t>> Session::read_head() {
  std::size_t searched = 0;
  bool begun = buffer_.size() > 0;
  stream_.expires_after(std::exchange(first_, false) || begun ? limits_.head_deadline : limits_.idle_max);
  while (true) {
    const auto end = view(buffer_).find(end_of_head, searched < 3 ? 0 : searched - 3);
    if (end != std::string_view::npos) {
      co_return end + end_of_head.size();
    }
    searched = buffer_.size();
    if (auto fault = check_size()) {
      co_return std::move(*fault);
    }
    if (closing_ && !begun) {
      co_return std::size_t{0};
    }
    idle_ = !begun;
    error_code failure;
    const auto count =
        co_await stream_.async_read_some(buffer_.prepare(head_read_bytes), asio::redirect_error(asio::use_awaitable, failure));
    idle_ = false;
    if (failure) {
      co_return std::size_t{0};
    }
    buffer_.commit(count);
    if (!std::exchange(begun, true)) {
      stream_.expires_after(limits_.head_deadline);
    }
  }
}

asio::awaitable<std::optional<model::Error>> Session::read_body(Parser& parser, std::size_t bytes_max, BodyShare& share) {
  const auto length = parser.content_length().value_or(0);
  if (length > bytes_max) {
    co_return body_too_large(bytes_max);
  }
  if (parser.is_done()) {
    co_return std::nullopt;
  }
  if (!share.grow_to(length)) {
    co_return no_room();
  }
  const auto expect = parser.get()[beast::http::field::expect];
  if (beast::iequals(expect, "100-continue") && buffer_.size() == 0) {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(stream_, asio::buffer(go_on), asio::use_awaitable);
  }
  parser.body_limit(bytes_max);
  const auto begin = steady_clock::now();
  while (true) {
    error_code failure;
    const auto bytes = view(buffer_);
    const auto used = bytes.empty() ? 0 : parser.put(asio::buffer(bytes.data(), bytes.size()), failure);
    std::optional<Error> fault;
    if (parser.is_done() && parser.chunked()) { // the parser has taken the last chunk and the trailer in one piece
      fault = check_trailer(bytes.substr(0, used), limits_);
    }
    buffer_.consume(used);
    if (parser.is_done()) {
      co_return fault;
    }
    if (failure == beast::http::error::body_limit) {
      co_return body_too_large(bytes_max);
    }
    const bool needs_more = failure == beast::http::error::need_more || (!failure && used == 0);
    if (failure && !needs_more) {
      co_return malformed_body(failure);
    }
    if (!needs_more) {
      continue;
    }
    if (parser.chunked() && !share.grow_to(parser.get().body().size() + read_bytes_max)) {
      co_return no_room();
    }
    if (buffer_.size() >= buffer_.max_size()) {
      co_return malformed_body(beast::http::make_error_code(beast::http::error::buffer_overflow));
    }
    if (!co_await read_more(parser, begin)) {
      co_return malformed_body(beast::http::make_error_code(beast::http::error::partial_message));
    }
  }
}

asio::awaitable<bool> Session::read_more(const Parser& parser, steady_clock::time_point begin) {
  const std::chrono::seconds due{parser.get().body().size() / limits_.bytes_per_second_min};
  stream_.expires_at(begin + limits_.grace + due);
  const auto room = std::min(read_bytes_max, buffer_.max_size() - buffer_.size());
  error_code failure;
  const auto count =
      co_await stream_.async_read_some(buffer_.prepare(room), asio::redirect_error(asio::use_awaitable, failure));
  if (failure && failure != asio::error::eof) {
    throw boost::system::system_error(failure);
  }
  buffer_.commit(count);
  co_return !failure;
}

asio::awaitable<Response> Session::answer(Request request) {
  stream_.expires_never();
  const auto peer = request.peer;
  Response response = co_await service_.handle(std::move(request));
  if (peer->is_watched()) {
    peer->forget_callback();
    error_code ignored;
    stream_.socket().cancel(ignored); // nothing but the watch is under way on it
    look_timer_.cancel();
  }
  co_return response;
}

void Session::watch(const std::shared_ptr<Peer>& peer) {
  stream_.socket().async_wait(asio::ip::tcp::socket::wait_read, [self = shared_from_this(), peer](error_code failure) {
    if (!failure) {
      self->look_again(peer);
    }
  });
}

/// There is something to read: the end, or bytes before it, which stay there until the request is answered. A client that
/// says goodbye in TLS sends some.
void Session::look_again(const std::shared_ptr<Peer>& peer) {
  if (has_hung_up(stream_.socket().native_handle())) {
    peer->hang_up();
    return;
  }
  look_timer_.expires_after(look_gap);
  look_timer_.async_wait([self = shared_from_this(), peer](error_code failure) {
    if (!failure) {
      self->look_again(peer);
    }
  });
}

asio::awaitable<bool> Session::send(const Response& response, Connection connection, Body body) {
  out_.clear();
  append(out_, response, connection, body);
  co_return co_await write_out();
}

asio::awaitable<bool> Session::write_out() {
  stream_.expires_after(limits_.grace + std::chrono::seconds{out_.size() / limits_.bytes_per_second_min});
  error_code failure;
  co_await asio::async_write(stream_, asio::buffer(out_), asio::redirect_error(asio::use_awaitable, failure));
  if (out_.capacity() > read_bytes_max) {
    out_ = {};
  }
  co_return !failure;
}

asio::awaitable<void> Session::send_pieces(const Response& response, Body body) {
  out_.clear();
  append_head(out_, response);
  bool goes_on = co_await write_out();
  while (goes_on && body == Body::send) {
    stream_.expires_never(); // a piece takes its time, and comes within Pieces::beat_max
    const auto piece = co_await response.pieces->next();
    out_.clear();
    append_chunk(out_, piece.value_or(std::string{})); // an empty one is the last
    goes_on = !has_hung_up(stream_.socket().native_handle()) && co_await write_out() && piece.has_value();
  }
}

asio::awaitable<void> Session::linger() {
  // Closing while the client still sends would reset the connection, and the answer could be lost on its way.
  error_code failure;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, failure);
  buffer_.clear();
  stream_.expires_after(limits_.linger_max);
  while (!failure) {
    co_await stream_.tcp().async_read_some(buffer_.prepare(read_bytes_max), asio::redirect_error(asio::use_awaitable, failure));
  }
}

asio::awaitable<void> Session::turn_away(model::Error error) {
  const auto self = shared_from_this();
  try {
    const Response response = problem_response(error);
    if (co_await greet() && co_await send(response, Connection::close, Body::send)) {
      co_await linger();
    }
  } catch (const boost::system::system_error&) {
    // The client went away by itself.
  }
  stream_.close();
}

} // namespace turnwise::http
