#include "app/http/stream.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace turnwise::http {

boost::asio::awaitable<boost::system::error_code> Stream::shake_hands() {
  tls_.emplace(tcp_, *context_);
  boost::system::error_code failure;
  co_await tls_->async_handshake(boost::asio::ssl::stream_base::server,
                                 boost::asio::redirect_error(boost::asio::use_awaitable, failure));
  co_return failure;
}

} // namespace turnwise::http
