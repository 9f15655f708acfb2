// turnwise-bench: its numbers, its reading of answers, and that it notices wrong work.
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <unistd.h>

#include "bench/checker.hpp"
#include "bench/load.hpp"
#include "bench/statistics.hpp"
#include "bench/transport.hpp"
#include "bench/usage.hpp"
#include "tests/examples/scripted_server.hpp"

namespace turnwise::bench {

TEST_CASE("a percentile is the smallest value that so many are not above") {
  std::vector<double> values{5, 1, 4, 2, 3};
  CHECK(percentile(values, 0.5) == 3);
  CHECK(percentile(values, 0.99) == 5);
  CHECK(percentile(values, 0) == 1);
  CHECK(percentile(values, 0.2) == 1);
  CHECK(percentile(values, 0.21) == 2);
  std::vector<double> nothing;
  CHECK(percentile(nothing, 0.5) == 0);
}

TEST_CASE("a median lies in the middle") {
  CHECK(median({3, 1, 2}) == 2);
  CHECK(median({4, 1, 2, 3}) == 2.5);
  CHECK(median({}) == 0);
}

TEST_CASE("numbers keep the digits that matter") {
  CHECK(readable(1'234'567.4) == "1,234,567");
  CHECK(readable(123) == "123");
  CHECK(readable(12.34) == "12.3");
  CHECK(readable(1.234) == "1.23");
  CHECK(readable(0.01234) == "0.012");
  CHECK(readable(-1'234) == "-1,234");
}

TEST_CASE("metrics keep their order and every value") {
  Measurements measurements;
  measurements.add("speed", "jobs/s", 3);
  measurements.add("cost", "s", 1);
  measurements.add("speed", "jobs/s", 1);
  REQUIRE(measurements.metrics().size() == 2);
  CHECK(measurements.metrics()[0].values == std::vector<double>{3, 1});
  CHECK(as_json({{"hot", measurements}}).find(R"({"workload":"hot","metrics":[{"name":"speed","unit":"jobs/s","median":2E0)") !=
        std::string::npos);
  CHECK(as_table({{"hot", measurements}}).find("speed") != std::string::npos);
}

TEST_CASE("an answer is complete when its body is") {
  const std::string whole = "HTTP/1.1 201 Created\r\nServer: x\r\ncontent-LENGTH:  5\r\n\r\nhello";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK(parse_reply(std::string_view{whole}.substr(0, size)).size == 0);
  }
  const std::string longer = whole + "more";
  const auto frame = parse_reply(longer);
  CHECK(frame.size == whole.size());
  CHECK(frame.reply.status == 201);
  CHECK(frame.reply.body == "hello");
  CHECK(parse_reply("HTTP/1.1 204 No Content\r\n\r\n").reply.status == 204);
  CHECK_THROWS(parse_reply("HTTP/1.1 200 OK\r\n\r\n"));
  CHECK_THROWS(parse_reply("SSH-2.0\r\n\r\n"));
}

TEST_CASE("requests and answers go over one connection, also in pieces") {
  using examples_testing::http_answer;
  using Then = examples_testing::Line::Then;
  const std::string large(3'000'000, 'x');
  examples_testing::ScriptedServer server{{{http_answer(200, large), Then::keep}, {http_answer(200, "second"), Then::keep}}};
  Loop loop{server.url()};
  const auto channel = loop.connect();
  std::vector<std::string> bodies;
  channel->post("/one", large, [&](const Reply& reply) {
    bodies.emplace_back(reply.body);
    channel->get("/two", [&](const Reply& second) { bodies.emplace_back(second.body); });
  });
  CHECK_FALSE(channel->idle());
  loop.run_until([&] { return bodies.size() == 2; }, std::chrono::seconds{20});
  CHECK(bodies[0] == large);
  CHECK(bodies[1] == "second");
  CHECK(channel->idle());
}

TEST_CASE("points in time come in order") {
  Loop loop{"http://127.0.0.1:1"};
  std::string order;
  const auto now = Clock::now();
  loop.at(now + std::chrono::milliseconds{2}, [&] { order += 'b'; });
  loop.at(now + std::chrono::milliseconds{1}, [&] { order += 'a'; });
  loop.run_until([&] { return order.size() == 2; }, std::chrono::seconds{20});
  CHECK(order == "ab");
}

TEST_CASE("jobs in turn and done are no fault") {
  Checker checker{2};
  for (std::uint32_t turn = 0; turn < 3; ++turn) {
    for (std::uint32_t subject = 0; subject < 2; ++subject) {
      checker.submitted();
      checker.started({subject, turn}, 1);
      checker.finished({subject, turn});
      checker.accepted();
    }
  }
  CHECK(checker.all_done());
  CHECK(checker.faults().empty());
}

TEST_CASE("wrong work is noticed") {
  Checker checker{2};
  checker.submitted();
  SECTION("a job that overtook") {
    checker.started({0, 1}, 1);
  }
  SECTION("two at once") {
    checker.submitted();
    checker.started({0, 0}, 1);
    checker.started({0, 1}, 1);
    checker.accepted();
    checker.accepted();
  }
  SECTION("done twice without being another attempt") {
    checker.started({0, 0}, 1);
    checker.finished({0, 0});
    checker.started({0, 0}, 1);
    checker.accepted();
  }
  SECTION("lost") {}
  CHECK_FALSE(checker.faults().empty());
}

TEST_CASE("another attempt of the last job is none") {
  Checker checker{1};
  checker.submitted();
  checker.started({0, 0}, 1);
  checker.finished({0, 0});
  checker.started({0, 0}, 2);
  checker.finished({0, 0});
  checker.accepted();
  CHECK(checker.faults().empty());
  CHECK(checker.repeated() == 1);
}

TEST_CASE("a place goes into a payload and comes back") {
  const auto place = decode_place(encode_place({12, 345}));
  CHECK(place.subject == 12);
  CHECK(place.turn == 345);
  CHECK_THROWS(decode_place("null"));
  CHECK_THROWS(decode_place("[1,2,3]"));
}

TEST_CASE("sources deal out their subjects' jobs in order") {
  auto source = JobSource::round_robin(5, 1, 2, 4);
  std::string text;
  while (!source.empty()) {
    text += encode_place(source.next());
  }
  CHECK(text == "[1,0][3,0][1,1][3,1][1,2]");
  auto drawn = JobSource::random(100, 3, 7);
  std::uint32_t turns[3]{};
  while (!drawn.empty()) {
    const auto place = drawn.next();
    CHECK(place.turn == turns[place.subject]++);
  }
  CHECK(turns[0] + turns[1] + turns[2] == 100);
}

TEST_CASE("a process is read from /proc whatever its name is") {
  const auto stat = parse_stat("42 (odd) name)) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 100 0 0");
  REQUIRE(stat);
  CHECK(stat->name == "odd) name)");
  CHECK(stat->parent == 7);
  CHECK(stat->ticks == 100);
  CHECK_FALSE(parse_stat("nonsense"));
}

TEST_CASE("a process that is there has a cost, one that is not has none") {
  const auto costs = read_costs({getpid(), 0});
  REQUIRE(costs.node);
  CHECK(costs.node->resident_mb > 0);
  CHECK_FALSE(costs.postgres);
  CHECK_FALSE(read_costs({}).node);
}

} // namespace turnwise::bench
