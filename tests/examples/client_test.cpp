// The HTTP client, against a server that says what a test wants.
#include <chrono>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "app/client/client.hpp"
#include "app/client/retry.hpp"
#include "app/client/url.hpp"
#include "tests/examples/scripted_server.hpp"

namespace turnwise::client {

using examples_testing::http_answer;
using examples_testing::ScriptedServer;
using model::Errc;
using Then = examples_testing::Line::Then;

namespace {

Client connect_to(const ScriptedServer& server, Options options = {}) {
  return std::move(Client::open(server.url(), std::move(options))).value();
}

/// The server of this test has ended: nobody listens there.
std::string url_of_nobody() {
  const ScriptedServer server{{}};
  return server.url();
}

} // namespace

TEST_CASE("a node's URL is http or https, a host and a port") {
  CHECK(parse_url("https://localhost:7171")->host == "localhost");
  CHECK(parse_url("http://127.0.0.1:7171")->port == "7171");
  CHECK(parse_url("http://localhost:80/")->host == "localhost");
  CHECK(parse_url("http://[::1]:7171")->host == "::1");
  for (const auto* bad : {"", "localhost:7171", "http://localhost", "http://:1", "http://a:1/path", "http://u@a:1",
                          "http://a:1?q", "ftp://a:1", "http://a:b"}) {
    INFO(bad);
    CHECK_FALSE(parse_url(bad));
  }
}

TEST_CASE("a subject in a path is one percent-encoded segment") {
  CHECK(percent_encode("artifact:123") == "artifact%3A123");
  CHECK(percent_encode("path:a/b c%\xC3\xA4") == "path%3Aa%2Fb%20c%25%C3%A4");
}

TEST_CASE("several requests share a connection") {
  ScriptedServer server{{{http_answer(200, R"({"jobs_open":3,"jobs_running":1})"), Then::keep},
                         {http_answer(200, R"({"jobs_open":4})"), Then::keep}}};
  auto client = connect_to(server);
  CHECK(client.stats()->jobs_open == 3);
  CHECK(client.stats()->jobs_open == 4);
}

TEST_CASE("a connection that the node closed while it was idle is replaced before anything is sent") {
  ScriptedServer server{
      {{http_answer(200, R"({"jobs_open":1})"), Then::close}, {http_answer(200, R"({"jobs_open":2})"), Then::keep}}};
  auto client = connect_to(server);
  REQUIRE(client.stats());
  // The close may take a moment to arrive; until it has, the request would be answered by nobody.
  const auto again = with_retry(std::chrono::steady_clock::now() + std::chrono::seconds{20}, [&] { return client.stats(); });
  REQUIRE(again);
  CHECK(again->jobs_open == 2);
}

TEST_CASE("where nobody listens, a call is unavailable: nothing was sent") {
  auto client = std::move(Client::open(url_of_nobody())).value();
  const auto result = client.stats();
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::unavailable);
}

TEST_CASE("a connection that breaks before the answer leaves the outcome unknown") {
  ScriptedServer server{{{"HTTP/1.1 200 OK\r\nContent-", Then::close}}};
  auto client = connect_to(server);
  const auto result = client.submit({"artifact:1", "build_coverage", {}, {}, {}, {}, {}, {}});
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::outcome_unknown);
}

TEST_CASE("an answer that does not come in time leaves the outcome unknown") {
  ScriptedServer server{{{"", Then::stall}}};
  Options options;
  options.request_timeout = milliseconds{50};
  auto client = connect_to(server, options);
  const auto result = client.stats();
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::outcome_unknown);
  CHECK(result.error().detail.find("took too long") != std::string::npos);
}

TEST_CASE("an answer larger than allowed is refused") {
  ScriptedServer server{{{http_answer(200, std::string(10'000, ' ')), Then::keep}}};
  Options options;
  options.reply_bytes_max = 1'000;
  auto client = connect_to(server, options);
  CHECK_FALSE(client.stats());
}

TEST_CASE("a problem document becomes its error") {
  ScriptedServer server{
      {{http_answer(409, R"({"type":"/problems/wrong-state","title":"t","status":409,"detail":"it runs"})"), Then::keep},
       {http_answer(412, R"({"type":"/problems/stale-fence","title":"superseded","status":412})"), Then::keep},
       {http_answer(502, "<html>"), Then::keep}}};
  auto client = connect_to(server);
  const auto wrong_state = client.job("abc");
  REQUIRE_FALSE(wrong_state);
  CHECK(wrong_state.error().code == Errc::wrong_state);
  CHECK(wrong_state.error().detail == "it runs");
  CHECK(client.complete("receipt").error().detail == "superseded");
  CHECK(client.stats().error().code == Errc::outcome_unknown); // somebody between has answered
}

TEST_CASE("a single submit carries its idempotency key in a header, a token goes with every request") {
  ScriptedServer server{
      {{http_answer(201,
                    R"({"id":"j1","sequence":"18446744073709551615","position":2,"state":"waiting","disposition":"accepted"})"),
        Then::keep}}};
  Options options;
  options.token = "id.secret";
  auto client = connect_to(server, options);
  NewJob job;
  job.subject = "artifact:\"1\"";
  job.kind = "build_coverage";
  job.payload = R"({"a":[1]})";
  job.idempotency_key = "key 1";
  const auto submitted = client.submit(job);
  REQUIRE(submitted);
  CHECK(submitted->id == "j1");
  CHECK(submitted->sequence == 18446744073709551615U);
  CHECK(submitted->position == 2);
  const auto request = server.requests().at(0);
  CHECK(request.starts_with("POST /v1/jobs HTTP/1.1\r\n"));
  CHECK(request.find("Idempotency-Key: key 1\r\n") != std::string::npos);
  CHECK(request.find("Authorization: Bearer id.secret\r\n") != std::string::npos);
  CHECK(request.ends_with(R"({"subject":"artifact:\"1\"","kind":"build_coverage","payload":{"a":[1]}})"));
}

TEST_CASE("a call is repeated while the node is away, and no longer than wanted") {
  using std::chrono::steady_clock;
  int calls = 0;
  const auto third_time = [&]() -> Result<int> {
    return ++calls < 3 ? Result<int>{model::Error{Errc::unavailable, {}, {}}} : Result<int>{calls};
  };
  CHECK(with_retry(steady_clock::now() + std::chrono::seconds{20}, third_time).value() == 3);

  const auto never = [&]() -> Result<int> { return model::Error{Errc::outcome_unknown, {}, {}}; };
  CHECK(with_retry(steady_clock::now() + milliseconds{30}, never).error().code == Errc::outcome_unknown);

  calls = 0;
  const auto refused = [&]() -> Result<int> { return ++calls, model::Error{Errc::malformed, {}, {}}; };
  CHECK(with_retry(steady_clock::now() + std::chrono::seconds{20}, refused).error().code == Errc::malformed);
  CHECK(calls == 1);
}

} // namespace turnwise::client
