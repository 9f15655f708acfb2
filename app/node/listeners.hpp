// Where a node is asked: one address for everybody, and perhaps a second one for operators.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config/node_options.hpp"
#include "app/http/router.hpp"
#include "app/http/server.hpp"
#include "app/routes/context.hpp"
#include "app/security/audit_log.hpp"
#include "app/security/tokens.hpp"

namespace turnwise::node {

/// The calls come from one thread.
class Listeners {
public:
  /// Takes the addresses, reads the certificate, opens the file for what operators do; serves nobody yet.
  /// @returns what cannot be had, with what to do
  static model::Result<std::unique_ptr<Listeners>> bind(const config::NodeOptions& options, std::size_t connections_max);
  ~Listeners();
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

  /// host:port of the first one, with the port that the system chose when none was given.
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::string url() const;
  /// Both, as address() is one.
  [[nodiscard]] const std::vector<http::Endpoint>& endpoints() const { return endpoints_; }
  /// The first one.
  http::Server& server() { return server_; }

  /// Serves. `context` outlives the listeners' threads, see stop().
  void start(routes::Context& context, const http::Limits& limits);
  /// Ends what start() began, at once where there are still connections.
  void stop();

private:
  Listeners(const config::NodeOptions& options, const http::Limits& limits, http::TlsContext tls,
            std::unique_ptr<security::AuditLog> audit);
  [[nodiscard]] http::Entrance entrance(http::Operators operators);

  const config::NodeOptions options_;
  const http::TlsContext tls_;
  const std::unique_ptr<security::AuditLog> audit_;
  std::string address_;
  std::vector<http::Endpoint> endpoints_;
  std::optional<security::TokenCheck> tokens_;
  std::optional<http::Router> router_;
  std::optional<http::Router> operator_router_;
  http::Server server_;
  std::unique_ptr<http::Server> operator_server_; // null: the first one does it all
};

} // namespace turnwise::node
