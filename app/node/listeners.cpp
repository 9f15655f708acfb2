#include "app/node/listeners.hpp"

#include <spdlog/spdlog.h>

#include "app/node/descriptors.hpp"
#include "app/routes/routes.hpp"

namespace turnwise::node {
namespace {

constexpr unsigned operator_threads = 1;
/// What an operator's call under way has when the node stops.
constexpr std::chrono::milliseconds operator_patience{1'000};

model::Result<std::uint16_t> bind_to(http::Server& server, const std::string& address) {
  const auto endpoint = http::parse_endpoint(address);
  return endpoint ? server.bind(*endpoint) : endpoint.error();
}

http::Endpoint with_port(const std::string& address, std::uint16_t port) {
  return {http::parse_endpoint(address)->host, port};
}

/// Tokens in the clear can be read on the way.
void warn_of_open_wires(const config::NodeOptions& options) {
  for (const auto& listen : {options.listen, options.admin_listen}) {
    const auto endpoint = http::parse_endpoint(listen);
    if (options.asks_tokens() && options.tls_certificate.empty() && endpoint && !endpoint->is_loopback()) {
      spdlog::warn("tokens-in-the-clear listen={} what=\"without tls-certificate anybody on the way can read tokens and jobs\"",
                   listen);
    }
  }
}

} // namespace

Listeners::Listeners(const config::NodeOptions& options, const http::Limits& limits, http::TlsContext tls,
                     std::unique_ptr<security::AuditLog> audit)
    : options_(options), tls_(std::move(tls)), audit_(std::move(audit)), server_(limits, options.http_threads, tls_) {
  if (!options.admin_listen.empty()) {
    auto few = limits;
    few.connections_max = operator_connections_max;
    operator_server_ = std::make_unique<http::Server>(few, operator_threads, tls_);
  }
}

Listeners::~Listeners() {
  stop();
}

model::Result<std::unique_ptr<Listeners>> Listeners::bind(const config::NodeOptions& options, std::size_t connections_max) {
  http::TlsContext tls;
  if (!options.tls_certificate.empty()) {
    auto loaded = http::load_tls(options.tls_certificate, options.tls_key);
    if (!loaded) {
      return loaded.error();
    }
    tls = std::move(*loaded);
  }
  auto audit = security::AuditLog::open(options.audit_log, logging::format_of(options.log));
  if (!audit) {
    return audit.error();
  }
  std::unique_ptr<Listeners> listeners(
      new Listeners(options, {.connections_max = connections_max}, std::move(tls), std::move(*audit)));
  const auto port = bind_to(listeners->server_, options.listen);
  if (!port) {
    return port.error();
  }
  listeners->endpoints_.push_back(with_port(options.listen, *port));
  listeners->address_ = listeners->endpoints_.front().text();
  if (listeners->operator_server_) {
    const auto second = bind_to(*listeners->operator_server_, options.admin_listen);
    if (!second) {
      return second.error();
    }
    listeners->endpoints_.push_back(with_port(options.admin_listen, *second));
    spdlog::info("operators-address address={}", listeners->endpoints_.back().text());
  }
  warn_of_open_wires(options);
  return listeners;
}

std::string Listeners::url() const {
  return (tls_ ? "https://" : "http://") + address_;
}

http::Entrance Listeners::entrance(http::Operators operators) {
  http::Entrance entrance;
  entrance.hosts = options_.insecure || options_.asks_tokens() ? http::Hosts::any : http::Hosts::local;
  entrance.tokens = tokens_ ? &*tokens_ : nullptr;
  entrance.operators = operators;
  entrance.note = [audit = audit_.get()](const http::OperatorAction& action) { audit->note(action); };
  return entrance;
}

void Listeners::start(routes::Context& context, const http::Limits& limits) {
  if (options_.asks_tokens()) {
    tokens_.emplace(context.engine);
  }
  const auto operators = operator_server_ ? http::Operators::elsewhere : http::Operators::here;
  router_.emplace(routes::all(context, limits), limits.body_bytes_max, entrance(operators));
  server_.start(*router_);
  if (operator_server_) {
    operator_router_.emplace(routes::all(context, limits), limits.body_bytes_max, entrance(http::Operators::here));
    operator_server_->start(*operator_router_);
  }
}

void Listeners::stop() {
  server_.stop(std::chrono::milliseconds{0});
  if (operator_server_) {
    operator_server_->stop(operator_patience);
  }
}

} // namespace turnwise::node
