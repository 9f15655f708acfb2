// Finds who answers a request: a table of methods, path patterns and handlers.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "app/http/entrance.hpp"
#include "app/http/service.hpp"

namespace turnwise::http {

struct Route {
  /// Segments separated by '/', of which {…} stands for one segment of the request, handed over decoded.
  using Handler = std::function<boost::asio::awaitable<Response>(Request)>;
  enum class Takes { nothing, json };

  Verb method;
  std::string_view pattern; ///< must outlive the router; a literal
  Handler handler;
  Takes takes{Takes::nothing};
  std::size_t body_bytes_max{};
  std::vector<std::string_view> query{}; ///< names of the query parameters that it understands; others are refused
  Access access{Access::operate};        ///< a route that says nothing is for operators
  std::string_view action{};             ///< what it is called where actions of operators are noted; a literal
};

/// What is noted when the route was called: its own word, or, of what operators change, method and pattern. Empty: nothing is.
std::string action_of(const Route& route);

/// Answers itself with 403 to a host that is not to be answered, 401 or 403 to a caller who is not let in, 400 to a bad target
/// or query, 404 to an unknown path, 405 with Allow to another method, 415 to a body that is not JSON, 500 to an exception. Who
/// is asked for a token and has none learns not even which paths there are. HEAD is answered like GET; the connection leaves
/// the body out.
class Router : public Service {
public:
  /// @param body_bytes_max  for requests that no route takes: their body is read and dropped
  Router(std::vector<Route> routes, std::size_t body_bytes_max, Entrance entrance = {});

  [[nodiscard]] model::Result<std::size_t> body_bytes_max(const Head& head) const override;
  boost::asio::awaitable<Response> handle(Request request) override;

private:
  struct Match {
    const Route* route{};
    std::vector<const Route*> same_path; ///< routes of the path with other methods
  };
  [[nodiscard]] Match match(Verb method, const std::vector<std::string>& segments, std::vector<std::string>& parameters) const;
  [[nodiscard]] Admission admit(const Match& found, std::string_view authorization) const;
  static boost::asio::awaitable<Response> call(const Route& route, Request request);

  struct Entry {
    Route route;
    std::vector<std::string_view> segments;
  };
  std::vector<Entry> entries_;
  std::size_t body_bytes_max_;
  Entrance entrance_;
};

} // namespace turnwise::http
