// The bytes of a connection, in the clear or through TLS: who reads and writes them does not know which.
#pragma once

#include <optional>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>

namespace turnwise::http {

/// Reads and writes as Asio's streams do. Deadlines and cancelling are those of the TCP connection below: they hold for
/// everything that TLS does on it as well.
class Stream {
public:
  using executor_type = boost::beast::tcp_stream::executor_type;

  /// @param tls  null: in the clear. Outlives the stream
  Stream(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* tls) : tcp_(std::move(socket)), context_(tls) {}

  [[nodiscard]] bool is_encrypted() const { return context_ != nullptr; }
  /// Comes first, and only when is_encrypted().
  boost::asio::awaitable<boost::system::error_code> shake_hands();

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, const Buffers& into) {
          tls_ ? tls_->async_read_some(into, std::move(handler)) : tcp_.async_read_some(into, std::move(handler));
        },
        token, buffers);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, const Buffers& from) {
          tls_ ? tls_->async_write_some(from, std::move(handler)) : tcp_.async_write_some(from, std::move(handler));
        },
        token, buffers);
  }

  /// What is below, without TLS.
  boost::beast::tcp_stream& tcp() { return tcp_; }
  auto& socket() { return tcp_.socket(); }
  executor_type get_executor() { return tcp_.get_executor(); }

  void expires_after(std::chrono::nanoseconds span) { tcp_.expires_after(span); }
  void expires_at(std::chrono::steady_clock::time_point moment) { tcp_.expires_at(moment); }
  void expires_never() { tcp_.expires_never(); }
  void cancel() { tcp_.cancel(); }
  void close() { tcp_.close(); }

private:
  boost::beast::tcp_stream tcp_;
  boost::asio::ssl::context* context_;
  std::optional<boost::asio::ssl::stream<boost::beast::tcp_stream&>> tls_; // from the handshake on
};

} // namespace turnwise::http
