// Rows 38 to 40 of the fault matrix through the real node: what is refused does no harm to what comes beside it. How each kind
// of bad input is refused, byte by byte, is in tests/app. Needs PostgreSQL.
#include <catch2/catch_test_macros.hpp>

#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/node_process.hpp"

namespace turnwise::tests {
namespace {

/// As many good jobs as bad ones, from a second client at the same time, so that they share batches.
constexpr int rounds = 20;

struct Bad {
  std::string body;
  int status;
};

std::string with_payload(const std::string& payload) {
  return R"({"subject":"a:1","kind":"work","payload":)" + payload + "}";
}

std::vector<Bad> bad_jobs() {
  const auto repeated = [](const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) {
      all += text;
    }
    return all;
  };
  return {{with_payload(R"("\u0000")"), 400},
          {with_payload(R"("\ud800")"), 400},
          {with_payload("\"\xff\""), 400},
          {with_payload("\"\xed\xa0\x80\""), 400},
          {R"({"subject":"a:\u0000","kind":"work"})", 400},
          {with_payload(repeated("[", 20'000) + repeated("]", 20'000)), 400},
          {with_payload("1e400"), 400},
          {with_payload(R"({"a":1,"a":2})"), 400},
          {with_payload('"' + std::string(1'100'000, 'x') + '"'), 413}};
}

TEST_CASE("38 39 40 bad bodies are refused one by one, and good jobs beside them are durable") {
  TestDatabase database;
  NodeProcess node(database.connection());
  node.start();
  std::vector<bool> accepted;
  std::thread good([&] {
    auto client = node.connect();
    for (int i = 0; i < rounds; ++i) {
      accepted.push_back(client.submit(keyed_job("k" + std::to_string(i))).ok());
    }
  });
  auto client = node.connect();
  std::string wrong;
  for (int i = 0; i < rounds; ++i) {
    for (const auto& [body, status] : bad_jobs()) {
      const auto reply = client.request("POST", "/v1/jobs", body);
      if (!reply.ok() || reply->status != status) {
        wrong += (reply.ok() ? std::to_string(reply->status) : reply.error().detail) + " to " + body.substr(0, 80) + "\n";
      }
    }
  }
  good.join();
  CHECK(wrong == "");
  CHECK(accepted == std::vector<bool>(rounds, true));
  CHECK(database.query("SELECT count(*) FROM turnwise.journal_1") == std::to_string(rounds));

  // A batch is refused as a whole when it is no JSON, and item by item when it is.
  CHECK(client.request("POST", "/v1/jobs/batch", R"({"jobs":[{"subject":"b:1","kind":"k","payload":"\ud800"}]})")->status ==
        400);
  const auto mixed =
      client.request("POST", "/v1/jobs/batch",
                     R"({"jobs":[{"subject":"b:1","kind":"k"},{"subject":"","kind":"k"},{"subject":"b:2","kind":"k"}]})");
  REQUIRE(mixed.ok());
  CHECK(mixed->status == 200);
  CHECK(database.query("SELECT count(*) FROM turnwise.journal_1") == std::to_string(rounds + 2));
  CHECK(node.stop() == 0);
}

} // namespace
} // namespace turnwise::tests
