// A node that asks for tokens, over a fake engine, with a second listener for operators.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "app/security/tokens.hpp"
#include "http_fixture.hpp"

namespace turnwise::test {

/// Tokens: `ann` may submit and work, `bob` may work, `ada` may do everything, `eve` expired long ago.
class SecuredNode {
public:
  SecuredNode();
  ~SecuredNode();
  SecuredNode(const SecuredNode&) = delete;
  SecuredNode& operator=(const SecuredNode&) = delete;

  /// The token of this owner, as a client has it.
  [[nodiscard]] const std::string& token(const std::string& owner) const { return texts_.at(owner); }
  /// The header field with it; empty for nobody.
  [[nodiscard]] std::string field(const std::string& owner) const;

  Reply ask(std::string_view method, std::string_view target, const std::string& owner, std::string_view body = "",
            std::string_view more_fields = "") const;
  Reply ask_operators(std::string_view method, std::string_view target, const std::string& owner, std::string_view body = "",
                      std::string_view more_fields = "") const;
  /// What was noted so far, as lines of the audit log.
  std::vector<std::string> noted() const;

  FakeEngine engine;

private:
  [[nodiscard]] http::Entrance entrance(http::Operators operators);

  std::map<std::string, std::string> texts_;
  mutable std::mutex mutex_;
  std::vector<std::string> noted_; // guarded
  http::Server server_{{}, 2};
  http::Server operator_server_{{}, 1};
  routes::Context context_{engine, server_.counters(), {}};
  security::TokenCheck tokens_{engine};
  http::Router router_;
  http::Router operator_router_;

public:
  std::uint16_t port{};
  std::uint16_t operator_port{};
};

} // namespace turnwise::test
