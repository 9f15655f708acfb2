// The push of a kind over HTTP: its address, and secrets that go in and do not come out again.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "app/push/signature.hpp"
#include "http_fixture.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using test::HttpFixture;

namespace {

const std::string own_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Keeps one kind, as an engine would.
struct Desk {
  Desk() {
    node.engine.on_kind_change = [this](const model::KindChange& change) -> model::Response {
      auto after = model::changed(kind, change, test::FakeEngine::noon);
      after->revision = kind.revision + 1;
      kind = *after;
      node.engine.all_kinds = {{kind, 0, 0}};
      return std::make_shared<const model::Kind>(kind);
    };
  }
  [[nodiscard]] test::Reply put(std::string_view push) const {
    const auto body = fmt::format(R"({{"push":{}}})", push);
    return node.connect().ask(
        fmt::format("PUT /v1/kinds/notify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    body.size(), body));
  }
  HttpFixture node;
  model::Kind kind{.name = "notify", .revision = 0, .settings = {}, .pause = {}};
};

bool contains(const std::string& text, std::string_view part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a push has an address and a time, and shows its new secret once") {
  Desk desk;
  const auto first = desk.put(R"({"url":"https://example.com/jobs"})");
  CHECK(first.status == 200);
  CHECK(contains(first.body, R"("settings":{"push":{"url":"https://example.com/jobs","timeout":"15s"}})"));
  const auto& secret = desk.kind.settings.push->secrets.front().text;
  CHECK(contains(first.body, fmt::format(R"("new_secret":"{}")", secret)));
  const auto key = push::decode_secret(secret);
  REQUIRE(key);
  CHECK(contains(first.body, fmt::format(R"("push_secrets":[{{"id":"{}"}}])", push::fingerprint_of(*key))));
  CHECK(contains(first.body, R"("runs_here":"push")"));
  const auto shown = desk.node.get("/v1/kinds/notify");
  CHECK_FALSE(contains(shown.body, "whsec_"));
  const auto again = desk.put(R"({"url":"https://example.com/other","timeout":"30s"})");
  CHECK_FALSE(contains(again.body, "whsec_"));
  CHECK(desk.kind.settings.push->secrets.front().text == secret);
}

TEST_CASE("a secret of one's own is taken and never shown; a rotation keeps the old one for a while") {
  Desk desk;
  const auto own = desk.put(fmt::format(R"({{"url":"https://example.com/","secret":"{}"}})", own_secret));
  CHECK(own.status == 200);
  CHECK_FALSE(contains(own.body, "whsec_"));
  CHECK(desk.kind.settings.push->secrets.front().text == own_secret);
  const auto rotated = desk.put(R"({"url":"https://example.com/","rotate":"24h"})");
  const auto& secrets = desk.kind.settings.push->secrets;
  REQUIRE(secrets.size() == 2);
  CHECK(contains(rotated.body, secrets.front().text));
  CHECK_FALSE(contains(rotated.body, own_secret));
  CHECK(secrets.back().text == own_secret);
  CHECK(secrets.back().until == test::FakeEngine::noon + 24h);
}

TEST_CASE("a push that is not what the API describes is refused with what is wrong") {
  const std::pair<std::string_view, std::string_view> bad[] = {
      {R"({})", "/push/url"},
      {R"({"url":"http://example.com/"})", "/push/url"},
      {R"({"url":"https://user@example.com/"})", "/push/url"},
      {R"({"url":"file:///etc/passwd"})", "/push/url"},
      {R"({"url":"https://example.com/","timeout":"31s"})", "/push/timeout"},
      {R"({"url":"https://example.com/","timeout":"999ms"})", "/push/timeout"},
      {R"({"url":"https://example.com/","secret":"whsec_short"})", "/push/secret"},
      {R"({"url":"https://example.com/","rotate":"31d"})", "/push/rotate"},
      {R"({"url":"https://example.com/","headers":{}})", "/push/headers"},
      {R"("https://example.com/")", "/push"},
  };
  const Desk desk;
  for (const auto& [push, pointer] : bad) {
    CAPTURE(push);
    const auto reply = desk.put(push);
    CHECK(reply.status == 400);
    CHECK(contains(reply.body, fmt::format(R"("pointer":"{}")", pointer)));
  }
  CHECK_FALSE(desk.kind.settings.push);
}
