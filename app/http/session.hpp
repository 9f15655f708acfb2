// One connection: reads a request, has it answered, writes the answer, one after the other.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "app/http/body_budget.hpp"
#include "app/http/limits.hpp"
#include "app/http/response.hpp"
#include "app/http/service.hpp"
#include "app/http/stream.hpp"

namespace turnwise::http {

/// Lives as long as its coroutine. All calls come from the one thread of its executor.
///
/// Every wait has an end: an idle connection, a slow head, a slow body and a slow reader are each cut off. Only the handler of
/// a request may take its own time.
class Session : public std::enable_shared_from_this<Session> {
public:
  /// `service`, `limits` and `bodies` outlive the session.
  Session(Stream stream, Service& service, const Limits& limits, BodyBudget& bodies);

  /// Serves until the connection ends. Does not throw.
  boost::asio::awaitable<void> run();

  /// Answers `error` to whatever is asked, and closes.
  boost::asio::awaitable<void> turn_away(model::Error error);

  /// Ends the connection now if it waits for a request, else after the answer that is being worked on.
  void close_when_idle();

private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;

  /// A request and what its answer is to be like.
  struct Incoming {
    Request request;
    Connection connection{};
    Body body{};
    BodyShare share; ///< of the memory for bodies
  };

  /// Comes first. @returns whether there is a connection: not when TLS was expected and did not come about in time
  Awaitable<bool> greet();
  /// @returns whether the connection goes on
  Awaitable<bool> serve_one();
  /// @returns nothing when the connection ended between requests; an error when what came is no request to be answered
  Awaitable<model::Result<std::optional<Incoming>>> receive();
  static Incoming take_message(Parser& parser, Fields fields, BodyShare share);
  /// Whether the head that is being read is too large already.
  [[nodiscard]] std::optional<model::Error> check_size() const;
  /// @returns the length of the next head, which is in buffer_ then; 0 when the connection ended between requests
  Awaitable<model::Result<std::size_t>> read_head();
  Awaitable<std::optional<model::Error>> read_body(Parser& parser, std::size_t bytes_max, BodyShare& share);
  /// Reads some bytes of a body that began then. @returns whether there were any before its end
  Awaitable<bool> read_more(const Parser& parser, std::chrono::steady_clock::time_point begin);
  Awaitable<Response> answer(Request request);
  /// @returns whether all of it could be written
  Awaitable<bool> send(const Response& response, Connection connection, Body body);
  /// Sends a response that comes in pieces, until its end or that of the connection.
  Awaitable<void> send_pieces(const Response& response, Body body);
  /// Writes out_. @returns whether all of it could be written
  Awaitable<bool> write_out();
  Awaitable<void> linger();
  void watch(const std::shared_ptr<Peer>& peer);
  void look_again(const std::shared_ptr<Peer>& peer);

  Stream stream_;
  std::string from_;
  Service& service_;
  const Limits& limits_;
  BodyBudget& bodies_;
  boost::beast::flat_buffer buffer_;
  std::string out_;
  boost::asio::steady_timer look_timer_;
  bool first_{true};
  bool idle_{};
  bool closing_{};
};

} // namespace turnwise::http
