// Row 41 of the fault matrix: requests whose end two readers could see in different places.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "app/http/framing.hpp"
#include "http_fixture.hpp"

using namespace turnwise;
using test::HttpFixture;

namespace {

constexpr std::string_view smuggled = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

/// The request is refused with 400, the connection ends, and what follows is never answered.
void refused_and_closed(const HttpFixture& node, const std::string& request) {
  INFO(request.substr(0, 300));
  auto client = node.connect();
  client.send(request);
  client.send(smuggled);
  const auto reply = client.read();
  CHECK(reply.status == 400);
  CHECK(reply.field("Connection") == "close");
  CHECK(reply.field("Content-Type") == "application/problem+json");
  CHECK(client.is_closed());
}

std::string with_fields(std::string_view fields, std::string_view rest = "{}") {
  return fmt::format("POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{}\r\n{}", fields, rest);
}

} // namespace

TEST_CASE("row 41: Content-Length together with Transfer-Encoding is refused") {
  const HttpFixture node;
  refused_and_closed(node, with_fields("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"));
  refused_and_closed(node, with_fields("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n"));
}

TEST_CASE("row 41: two lengths are refused, even equal ones") {
  const HttpFixture node;
  refused_and_closed(node, with_fields("Content-Length: 2\r\nContent-Length: 3\r\n"));
  refused_and_closed(node, with_fields("Content-Length: 2\r\ncontent-length: 2\r\n"));
  refused_and_closed(node, with_fields("Content-Length: 2, 2\r\n"));
}

TEST_CASE("row 41: a length that is not a plain number is refused") {
  const HttpFixture node;
  for (const auto* length : {"+5", "-1", "0x5", "5 5", "5.0", "", "99999999999999999999"}) {
    refused_and_closed(node, with_fields(fmt::format("Content-Length: {}\r\n", length)));
  }
}

TEST_CASE("row 41: a space before the colon is refused") {
  const HttpFixture node;
  refused_and_closed(node, with_fields("Content-Length : 2\r\n"));
  refused_and_closed(node, with_fields("Content-Length\t: 2\r\n"));
}

TEST_CASE("row 41: any transfer encoding but exactly chunked is refused") {
  const HttpFixture node;
  for (const auto* encoding : {"xchunked", "Chunked", "gzip, chunked", "chunked, identity", "identity", ""}) {
    refused_and_closed(node, with_fields(fmt::format("Transfer-Encoding: {}\r\n", encoding), "2\r\n{}\r\n0\r\n\r\n"));
  }
  refused_and_closed(node, with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"));
}

TEST_CASE("row 41: a line that ends with a bare line feed is refused") {
  const HttpFixture node;
  refused_and_closed(node, "GET /livez HTTP/1.1\nHost: a\r\n\r\n");
  refused_and_closed(node, with_fields("A: b\nContent-Length: 2\r\n"));
  refused_and_closed(node, with_fields("A: b\rContent-Length: 2\r\n"));
}

TEST_CASE("row 41: a header field that goes on in the next line is refused") {
  const HttpFixture node;
  refused_and_closed(node, with_fields("A: b\r\n c\r\nContent-Length: 2\r\n"));
  refused_and_closed(node, "GET /livez HTTP/1.1\r\n Host: a\r\n\r\n");
}

TEST_CASE("row 41: a chunk extension of a megabyte is refused") {
  const HttpFixture node;
  const std::string extension(1'000'000, 'x');
  refused_and_closed(node,
                     with_fields("Transfer-Encoding: chunked\r\n", fmt::format("2;a={}\r\n{{}}\r\n0\r\n\r\n", extension)));
}

TEST_CASE("row 41: malformed chunks are refused") {
  const HttpFixture node;
  for (const auto* chunks :
       {"x\r\n{}\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n", "2\r\n{}x\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\n{}\r\n"}) {
    refused_and_closed(node, with_fields("Transfer-Encoding: chunked\r\n", chunks));
  }
}

TEST_CASE("row 41: what is no HTTP/1.1 request is refused") {
  const HttpFixture node;
  refused_and_closed(node, "GET /livez HTTP/2.0\r\nHost: a\r\n\r\n");
  refused_and_closed(node, "GET  /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  refused_and_closed(node, "GET /livez HTTP/1.1\r\n\r\n");
  refused_and_closed(node, "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  refused_and_closed(node, "hello\r\n\r\n");
  refused_and_closed(node, "GET /livez HTTP/1.1\r\nHost: a\r\nX: " + std::string(1, '\0') + "\r\n\r\n");
}

TEST_CASE("a chunked body is read, and its trailers are not taken for header fields") {
  HttpFixture node;
  auto client = node.connect();
  const std::string job = R"({"subject":"a:1","kind":"k"})";
  const auto reply = client.ask(with_fields("Transfer-Encoding: chunked\r\n",
                                            fmt::format("10;ext=1\r\n{}\r\n{:x}\r\n{}\r\n0\r\nIdempotency-Key: late\r\n\r\n",
                                                        job.substr(0, 16), job.size() - 16, job.substr(16))));
  CHECK(reply.status == 201);
  REQUIRE(node.engine.submitted().size() == 1);
  CHECK(node.engine.submitted()[0].key.empty());
  CHECK(client.ask(smuggled).status == 200);
}

TEST_CASE("row 41: trailers are held to the rules and limits of a head") {
  const HttpFixture node;
  const std::string chunks = "1c\r\n{\"subject\":\"a:1\",\"kind\":\"k\"}\r\n0\r\n";
  refused_and_closed(node, with_fields("Transfer-Encoding: chunked\r\n", chunks + "A: b\r\n c\r\n\r\n"));
  refused_and_closed(node, with_fields("Transfer-Encoding: chunked\r\n", chunks + "A : b\r\n\r\n"));
  std::string many;
  for (int i = 0; i < 65; ++i) {
    many += "A: b\r\n";
  }
  auto client = node.connect();
  client.send(with_fields("Transfer-Encoding: chunked\r\n", chunks + many + "\r\n"));
  CHECK(client.read().status == 431);
  CHECK(client.is_closed());
}

TEST_CASE("pipelined requests are answered one after the other, in order") {
  const HttpFixture node;
  auto client = node.connect();
  client.send(
      "GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: a\r\n\r\nHEAD /livez HTTP/1.1\r\nHost: a\r\n"
      "Connection: close\r\n\r\n");
  CHECK(client.read().status == 200);
  CHECK(client.read().status == 404);
}
