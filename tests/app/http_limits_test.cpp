// Rows 38 and 42 of the fault matrix: what a client may send, how slowly, and how many may come.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "http_fixture.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using test::HttpFixture;

namespace {

std::string fields(std::size_t count, std::string_view value = "b") {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += fmt::format("A{}: {}\r\n", i, value);
  }
  return text;
}

} // namespace

TEST_CASE("row 38: a body beyond the limit is refused before it is read") {
  const HttpFixture node;
  auto client = node.connect();
  client.send("POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1048577\r\n\r\n");
  const auto reply = client.read(); // although not a byte of the body was sent
  CHECK(reply.status == 413);
  CHECK(reply.field("Connection") == "close");
  CHECK(client.is_closed());
}

TEST_CASE("row 38: a chunked body beyond the limit is refused when it passes it") {
  const HttpFixture node;
  auto client = node.connect();
  client.send("POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = fmt::format("10000\r\n{}\r\n", std::string(65'536, ' '));
  for (int i = 0; i < 20; ++i) {
    client.send(chunk);
  }
  CHECK(client.read().status == 413);
  CHECK(client.is_closed());
}

TEST_CASE("row 38: a batch may have a larger body than a job") {
  const HttpFixture node;
  const std::string spaces(2'000'000, ' ');
  CHECK(node.post("/v1/jobs/batch", R"({"jobs":[]})" + spaces).status == 200);
  CHECK(node.post("/v1/jobs", R"({"subject":"a:1","kind":"k"})" + spaces).status == 413);
}

TEST_CASE("row 38: a head beyond 16 KiB, a line beyond 8 KiB and more than 64 fields are refused") {
  const HttpFixture node;
  CHECK(node.get("/livez", fields(63)).status == 200);
  CHECK(node.get("/livez", fields(64)).status == 431);
  CHECK(node.get("/livez", fields(20, std::string(1'000, 'x'))).status == 431);
  CHECK(node.get("/" + std::string(9'000, 'x')).status == 431);
  CHECK(node.get("/" + std::string(100'000, 'x')).status == 431);
}

TEST_CASE("row 42: a head that comes too slowly is cut off, and others are served meanwhile") {
  const HttpFixture node({.head_deadline = 200ms});
  auto slow = node.connect();
  slow.send("GET /livez HT");
  CHECK(node.get("/livez").status == 200);
  CHECK(slow.is_closed());
}

TEST_CASE("row 42: a body that comes too slowly is cut off") {
  const HttpFixture node({.grace = 200ms});
  auto slow = node.connect();
  slow.send("POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
  CHECK(node.get("/livez").status == 200);
  CHECK(slow.is_closed());
}

TEST_CASE("row 42: a client that does not read its answers is cut off") {
  HttpFixture node({.grace = 200ms, .bytes_per_second_min = 1'000'000'000});
  auto slow = node.connect();
  std::string many;
  for (int i = 0; i < 1'000; ++i) {
    many += "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  // Sending fails once the node has given up on a client that lets its answers pile up.
  bool cut_off = false;
  for (int i = 0; i < 1'000 && !cut_off; ++i) {
    cut_off = !slow.send(many);
  }
  CHECK(cut_off);
}

TEST_CASE("an idle connection is closed") {
  const HttpFixture node({.idle_max = 100ms});
  auto client = node.connect();
  CHECK(client.ask("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").status == 200);
  CHECK(client.is_closed());
}

TEST_CASE("a connection beyond the limit is told so and closed, and a place that becomes free is given again") {
  const HttpFixture node({.connections_max = 2});
  auto one = node.connect();
  auto two = node.connect();
  CHECK(one.ask("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").status == 200);
  CHECK(two.ask("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").status == 200);
  auto three = node.connect();
  const auto reply = three.read();
  CHECK(reply.status == 503);
  CHECK_FALSE(reply.field("Retry-After").empty());
  CHECK(three.is_closed());
  CHECK(one.ask("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").status == 200);
  CHECK(one.is_closed());
  int status = 503;
  for (int tries = 0; tries < 1'000 && status == 503; ++tries) {
    auto again = node.connect();
    again.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    status = again.read().status;
  }
  CHECK(status == 200);
}

TEST_CASE("a client that asks first is told to go on before it sends a body") {
  HttpFixture node;
  auto client = node.connect();
  const std::string job = R"({"subject":"a:1","kind":"k"})";
  client.send(
      fmt::format("POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: "
                  "100-continue\r\n\r\n",
                  job.size()));
  CHECK(client.read().status == 100);
  CHECK(client.ask(job).status == 201);
}

TEST_CASE("a body that is not JSON by its type is refused") {
  const HttpFixture node;
  auto client = node.connect();
  const auto reply = client.ask("POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}");
  CHECK(reply.status == 415);
  CHECK(client.ask("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").status == 200);
}

TEST_CASE("a path that is not there and a method that it does not take are told apart") {
  const HttpFixture node;
  CHECK(node.get("/v1/nothing").status == 404);
  CHECK(node.get("/v1/jobs/").status == 404);
  const auto reply = node.get("/v1/claims");
  CHECK(reply.status == 405);
  CHECK(reply.field("Allow") == "POST");
  CHECK(node.get("/v1/subjects/a%zz").status == 400);
}
