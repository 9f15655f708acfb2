// What stands between a client and the handlers: hosts, forms of targets, query parameters, memory for bodies, faults of
// handlers.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "app/http/hosts.hpp"
#include "http_fixture.hpp"
#include "model/subject.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using test::HttpFixture;

namespace {

constexpr std::string_view job = R"({"subject":"a:1","kind":"k"})";

/// A server with one route, GET /call.
struct Single {
  Single(http::Hosts hosts, std::function<http::Response()> answer)
      : router(routes(std::move(answer)), 1'000, {.hosts = hosts}) {
    const auto bound = server.bind({"127.0.0.1", 0});
    REQUIRE(bound.ok());
    port = *bound;
    server.start(router);
  }
  ~Single() { server.stop(100ms); }
  Single(const Single&) = delete;
  Single& operator=(const Single&) = delete;

  static std::vector<http::Route> routes(std::function<http::Response()> answer) {
    return {{http::Verb::get, "/call",
             [answer = std::move(answer)](http::Request) -> boost::asio::awaitable<http::Response> { co_return answer(); },
             http::Route::Takes::nothing, 0}};
  }
  [[nodiscard]] test::Reply ask(std::string_view bytes) const { return test::RawClient(port).ask(bytes); }

  http::Server server{{}, 1};
  http::Router router;
  std::uint16_t port{};
};

} // namespace

TEST_CASE("a node without tokens answers under local names only, whatever name of it a web page has led a browser to") {
  for (const auto* host : {"localhost", "LOCALHOST:7171", "localhost.", "127.0.0.1", "127.8.8.8:80", "[::1]:7171", ""}) {
    INFO(host);
    CHECK(http::accepts(http::Hosts::local, host));
  }
  for (const auto* host : {"evil.example", "evil.example:7171", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1",
                           "0.0.0.0:7171", "[::2]", "[", ":", "localhost@evil.example"}) {
    INFO(host);
    CHECK_FALSE(http::accepts(http::Hosts::local, host));
    CHECK(http::accepts(http::Hosts::any, host));
  }
  const Single node(http::Hosts::local, [] { return http::Response{}; });
  CHECK(node.ask("GET /call HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").status == 200);
  const auto reply = node.ask("GET /call HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  CHECK(reply.status == 403);
  CHECK(reply.body.find("localhost") != std::string::npos);
  CHECK(node.ask("GET http://evil.example/call HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").status == 403);
}

TEST_CASE("a target in absolute form is the same as its path") {
  const HttpFixture node;
  CHECK(node.get("http://node.example:7171/livez").status == 200);
  CHECK(node.get("http://node.example/v1/subjects/a%3A1?jobs=5").status == 200);
  CHECK(node.get("http://node.example/nothing").status == 404);
  CHECK(node.get("https://node.example/livez").status == 400);
  CHECK(node.get("http:///livez").status == 400);
  CHECK(node.get("http://me@node.example/livez").status == 400);
}

TEST_CASE("a query parameter that a call does not know is refused") {
  const HttpFixture node;
  CHECK(node.get("/v1/stats?verbose=1").status == 400);
  CHECK(node.get("/v1/jobs/x?wait=20").status == 400);
  CHECK(node.post("/v1/jobs/batch?dry=1", R"({"jobs":[]})").status == 400);
  CHECK(node.post("/v1/claims?max=1", "{}").status == 400);
  const auto reply = node.get("/v1/subjects/a%3A1?job=5");
  CHECK(reply.status == 400);
  CHECK(reply.body.find("no query parameter job; it has jobs") != std::string::npos);
}

TEST_CASE("a problem document is UTF-8, whatever bytes it speaks of") {
  const HttpFixture node;
  for (const auto* target : {"/v1/jobs/%FF", "/v1/jobs/%C3", "/v1/stats?%FF=1", "/v1/subjects/%FF", "/%FF"}) {
    INFO(target);
    const auto reply = node.get(target);
    CHECK(reply.status >= 400);
    CHECK(model::is_utf8(reply.body));
  }
}

TEST_CASE("a handler that throws is answered with 500, also when it throws what connections do") {
  const Single node(http::Hosts::any, []() -> http::Response {
    throw boost::system::system_error(boost::system::errc::make_error_code(boost::system::errc::io_error));
  });
  const auto reply = node.ask("GET /call HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(reply.status == 500);
  CHECK(reply.body.find("/problems/internal") != std::string::npos);
}

TEST_CASE("bodies beyond the memory that there is for all of them are refused before they are read") {
  const HttpFixture node({.bodies_bytes_max = 1'000});
  auto first = node.connect();
  const auto large = fmt::format("{}{}", job, std::string(900, ' '));
  const auto request = test::post_bytes("/v1/jobs", large);
  first.send(request.substr(0, request.size() - 1));
  CHECK(node.post("/v1/jobs", job).status == 201); // there is still room for this one
  auto second = node.connect();
  second.send("POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n");
  const auto reply = second.read(); // although not a byte of the body was sent
  CHECK(reply.status == 503);
  CHECK_FALSE(reply.field("Retry-After").empty());
  CHECK(second.is_closed());
  CHECK(first.ask(" ").status == 201);
  CHECK(node.post("/v1/jobs", large).status == 201); // what the first had is free again
}

TEST_CASE("a chunked body takes its memory while it grows") {
  const HttpFixture node({.bodies_bytes_max = 200'000});
  auto client = node.connect();
  client.send("POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 5; ++i) {
    client.send(fmt::format("ea60\r\n{}\r\n", std::string(60'000, ' ')));
  }
  CHECK(client.read().status == 503);
}
