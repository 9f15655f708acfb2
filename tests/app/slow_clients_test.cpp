// Row 42 of the fault matrix: clients that are never silent, and never done. Those that stop altogether are in
// http_limits_test.cpp.
#include <catch2/catch_test_macros.hpp>

#include <list>
#include <thread>

#include "http_fixture.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using test::HttpFixture;
using test::RawClient;

namespace {

/// The pause of a slow client between two bytes: much shorter than any deadline here.
constexpr std::chrono::milliseconds byte_gap{10};
constexpr std::size_t slow_clients = 300;
constexpr std::chrono::seconds patience{20};
constexpr std::size_t large_answer = 32'000'000;

/// A few bytes at a time. @returns whether the node closed the connection before `steps` were taken
template <class Step>
bool is_cut_off(Step step) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (!step()) {
      return true;
    }
    std::this_thread::sleep_for(byte_gap);
  }
  return false;
}

} // namespace

TEST_CASE("row 42: heads that come a byte at a time are all cut off, and others are served meanwhile") {
  const HttpFixture node({.head_deadline = 1s});
  std::list<RawClient> slow;
  for (std::size_t i = 0; i < slow_clients; ++i) {
    slow.emplace_back(node.port());
    slow.back().send("GET /livez HTTP/1.1\r\nHost: a\r\nA: ");
  }
  std::size_t rounds = 0;
  CHECK(is_cut_off([&] {
    CHECK(node.get("/livez").status == 200);
    ++rounds;
    std::erase_if(slow, [](RawClient& client) { return !client.send("x"); });
    return !slow.empty();
  }));
  CHECK(rounds > 10); // nobody was cut off for being slow alone
}

TEST_CASE("row 42: a body that comes a byte at a time is cut off") {
  const HttpFixture node({.grace = 500ms, .bytes_per_second_min = 1'000'000});
  auto slow = node.connect();
  slow.send("POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{");
  CHECK(is_cut_off([&] { return slow.send(" "); }));
  CHECK(node.get("/livez").status == 200);
}

TEST_CASE("row 42: a chunked body that comes a byte at a time is cut off") {
  const HttpFixture node({.grace = 500ms, .bytes_per_second_min = 1'000'000});
  auto slow = node.connect();
  slow.send(
      "POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n");
  CHECK(is_cut_off([&] { return slow.send("1\r\n \r\n"); }));
  CHECK(node.get("/livez").status == 200);
}

TEST_CASE("row 42: an answer that is read a little at a time is cut off") {
  HttpFixture node({.grace = 500ms, .bytes_per_second_min = 1'000'000'000});
  node.engine.on_job = [](model::JobId) {
    auto story = std::make_shared<model::JobStory>();
    story->job.subject = "a:1";
    story->job.kind = "k";
    story->job.payload = '"' + std::string(large_answer, 'x') + '"';
    return model::Response{std::shared_ptr<const model::JobStory>(story)};
  };
  auto slow = node.connect();
  const auto job = model::to_string(model::JobId{model::ShardId{3}, model::EntryNumber{8}});
  slow.send("GET /v1/jobs/" + job + " HTTP/1.1\r\nHost: a\r\n\r\n");
  std::size_t read = 0;
  bool ended = false;
  const auto begun = std::chrono::steady_clock::now();
  // Slowly until the deadline is surely over, then as fast as it goes: what the system has buffered is still to be had.
  while (!ended) {
    const bool is_slow = std::chrono::steady_clock::now() - begun < 2s;
    const auto bytes = slow.receive(is_slow ? 1'000 : 1'000'000);
    read += bytes;
    ended = bytes == 0;
    if (is_slow) {
      std::this_thread::sleep_for(byte_gap);
    }
  }
  CHECK(read < large_answer);
  CHECK(node.get("/livez").status == 200);
}
