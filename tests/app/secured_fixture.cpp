#include "secured_fixture.hpp"

#include <algorithm>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "app/security/audit_log.hpp"

namespace turnwise::test {
namespace {

Reply ask_at(std::uint16_t port, std::string_view method, std::string_view target, std::string_view fields,
             std::string_view body) {
  return RawClient(port).ask(fmt::format("{} {} HTTP/1.1\r\nHost: node.example\r\nContent-Type: application/json\r\n"
                                         "Content-Length: {}\r\n{}\r\n{}",
                                         method, target, body.size(), fields, body));
}

} // namespace

SecuredNode::SecuredNode()
    : router_(routes::all(context_, {}), http::Limits{}.body_bytes_max, entrance(http::Operators::elsewhere)),
      operator_router_(routes::all(context_, {}), http::Limits{}.body_bytes_max, entrance(http::Operators::here)) {
  using model::Scope;
  const std::pair<std::string, model::Scopes> given[] = {
      {"ann", {Scope::submit, Scope::work}}, {"bob", {Scope::work}}, {"ada", {Scope::admin}}, {"eve", {Scope::admin}}};
  model::Tokens tokens;
  for (const auto& [owner, scopes] : given) {
    auto made = *security::make_token(owner, scopes);
    if (owner == "eve") {
      made.token.expires_at = FakeEngine::noon;
    }
    texts_[owner] = made.text;
    tokens.push_back(std::move(made.token));
  }
  std::ranges::sort(tokens, {}, &model::Token::id);
  engine.set_tokens(std::move(tokens));
  port = server_.bind({"127.0.0.1", 0}).value();
  operator_port = operator_server_.bind({"127.0.0.1", 0}).value();
  server_.start(router_);
  operator_server_.start(operator_router_);
}

SecuredNode::~SecuredNode() {
  server_.stop(milliseconds{100});
  operator_server_.stop(milliseconds{100});
}

http::Entrance SecuredNode::entrance(http::Operators operators) {
  http::Entrance entrance;
  entrance.tokens = &tokens_;
  entrance.operators = operators;
  entrance.note = [this](const http::OperatorAction& action) {
    const std::lock_guard lock(mutex_);
    noted_.push_back(security::audit_line(action));
  };
  return entrance;
}

std::string SecuredNode::field(const std::string& owner) const {
  return owner.empty() ? "" : fmt::format("Authorization: Bearer {}\r\n", token(owner));
}

Reply SecuredNode::ask(std::string_view method, std::string_view target, const std::string& owner, std::string_view body,
                       std::string_view more_fields) const {
  return ask_at(port, method, target, field(owner) + std::string{more_fields}, body);
}

Reply SecuredNode::ask_operators(std::string_view method, std::string_view target, const std::string& owner,
                                 std::string_view body, std::string_view more_fields) const {
  return ask_at(operator_port, method, target, field(owner) + std::string{more_fields}, body);
}

std::vector<std::string> SecuredNode::noted() const {
  const std::lock_guard lock(mutex_);
  return noted_;
}

} // namespace turnwise::test
