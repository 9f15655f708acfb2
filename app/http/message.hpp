// app/http speaks HTTP/1.1 and knows nothing of jobs; from app/api it has the form of problem documents and content types. This
// file: a request and a response as handlers see them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/verb.hpp>

#include "app/http/caller.hpp"
#include "app/http/peer.hpp"

namespace turnwise::http {

using Verb = boost::beast::http::verb;
using Fields = boost::beast::http::fields;

struct Request {
  Verb method{Verb::unknown};
  std::string target;                                     ///< as sent, percent-encoded
  std::vector<std::string> parameters;                    ///< decoded segments that stand where the route has {…}
  std::vector<std::pair<std::string, std::string>> query; ///< decoded
  Fields fields;                                          ///< those of the head; trailers are dropped
  std::string body;
  std::shared_ptr<Peer> peer; ///< never null
  std::string from;           ///< address and port of the client
  Caller caller{};            ///< who asks; known when the request has been let in

  [[nodiscard]] bool has_field(std::string_view name) const { return fields.count({name.data(), name.size()}) > 0; }
  /// Empty when there is no such field.
  [[nodiscard]] std::string_view field(std::string_view name) const {
    const auto found = fields.find({name.data(), name.size()});
    return found == fields.end() ? std::string_view{} : std::string_view{found->value().data(), found->value().size()};
  }
};

/// An answer that comes in pieces for as long as it lasts.
class Pieces {
public:
  virtual ~Pieces() = default;
  /// The next piece, never empty; or nothing, at the end. Comes back after `beat_max` at the latest, so that a client that has
  /// gone is noticed. Called one at a time.
  virtual boost::asio::awaitable<std::optional<std::string>> next() = 0;
  static constexpr std::chrono::seconds beat_max{15};
};

struct Response {
  int status{200};
  std::string body;
  std::string_view content_type{"application/json"};
  std::vector<std::pair<std::string_view, std::string>> fields; ///< besides framing, type and date
  /// Called on the connection's thread when the client is known not to have got this answer: it hung up before, or while it was
  /// written. Nothing to do when empty.
  std::function<void()> undelivered;
  /// Sent instead of `body`, each piece as it comes; the connection ends with the last. Null for most.
  std::shared_ptr<Pieces> pieces;
};

} // namespace turnwise::http
