// turnwise-bench: its numbers, its reading of answers, and that it notices wrong work.
#include <algorithm>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
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

TEST_CASE("a connection that the server closed while it was idle is made anew") {
  using examples_testing::http_answer;
  using Then = examples_testing::Line::Then;
  examples_testing::ScriptedServer server{{{http_answer(200, "one"), Then::close}, {http_answer(200, "two"), Then::keep}}};
  Loop loop{server.url()};
  const auto channel = loop.connect();
  std::string bodies;
  const auto ask = [&] { channel->get("/", [&](const Reply& reply) { bodies.append(reply.body).append(" "); }); };
  ask();
  loop.run_until([&] { return !channel->connected(); }, std::chrono::seconds{20});
  ask();
  loop.run_until([&] { return bodies == "one two "; }, std::chrono::seconds{20});
}

TEST_CASE("a connection that breaks under a request is an error") {
  using Then = examples_testing::Line::Then;
  examples_testing::ScriptedServer server{{{"HTTP/1.1 200 OK\r\n", Then::close}}};
  Loop loop{server.url()};
  const auto channel = loop.connect();
  channel->get("/", [](const Reply&) {});
  CHECK_THROWS(loop.run_until([] { return false; }, std::chrono::seconds{20}));
}

TEST_CASE("what is put off to the next turn comes after what other connections have to say") {
  using examples_testing::http_answer;
  using Then = examples_testing::Line::Then;
  examples_testing::ScriptedServer first{{{http_answer(200, "one"), Then::keep}}};
  Loop loop{first.url()};
  const auto channel = loop.connect();
  std::string order;
  channel->get("/", [&](const Reply&) {
    order += "answer ";
    loop.next_turn([&] {
      order += "first ";
      loop.next_turn([&] { order += "second "; });
    });
  });
  loop.run_until([&] { return order == "answer first "; }, std::chrono::seconds{20}); // not in one turn
  loop.run_until([&] { return order == "answer first second "; }, std::chrono::seconds{20});
}

namespace {

/// A node whose answers are written by the test itself, before the loop looks: the order of things is then fixed.
class NodeByHand {
public:
  NodeByHand() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(bind(listener_, generic, size) == 0);
    REQUIRE(listen(listener_, 8) == 0);
    REQUIRE(getsockname(listener_, generic, &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  NodeByHand(const NodeByHand&) = delete;
  NodeByHand& operator=(const NodeByHand&) = delete;
  ~NodeByHand() {
    close(listener_);
    std::ranges::for_each(connections_, close);
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// Answers the next connection's claim with one job.
  void give(Place place) {
    connections_.push_back(accept(listener_, nullptr, nullptr));
    const auto answer = examples_testing::http_answer(200, R"({"claims":[{"receipt":"r","attempt":1,"payload":)" +
                                                               encode_place(place) + R"(}],"results":[],"extended":[]})");
    REQUIRE(send(connections_.back(), answer.data(), answer.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(answer.size()));
  }

private:
  int listener_;
  std::uint16_t port_{};
  std::vector<int> connections_;
};

/// What the checker says when two connections are given these two jobs at the same time.
std::vector<std::string> faults_of_two_at_once(Place one, Place other) {
  NodeByHand node;
  Loop loop{node.url()};
  Checker checker{2};
  unsigned started = 0;
  Workers workers{loop, {"kind", "bench:"}, checker, {2, 1, {}}, [&](Place) { ++started; }};
  workers.start();
  node.give(one);
  node.give(other);
  loop.run_until([&] { return started == 2; }, std::chrono::seconds{20});
  return checker.faults();
}

} // namespace

TEST_CASE("two connections that have jobs of one subject at once are noticed") {
  const auto faults = faults_of_two_at_once({0, 0}, {0, 1});
  REQUIRE(faults.size() == 1);
  CHECK(faults.front().starts_with("overlap: "));
  CHECK(faults_of_two_at_once({0, 0}, {1, 0}).empty());
}

TEST_CASE("jobs in turn and done are no fault") {
  Checker checker{2};
  for (std::uint32_t turn = 0; turn < 3; ++turn) {
    for (std::uint32_t subject = 0; subject < 2; ++subject) {
      checker.submitted({subject, turn});
      checker.started({subject, turn}, 1);
      checker.finished({subject, turn});
      checker.accepted({subject, turn});
    }
  }
  CHECK(checker.all_done());
  CHECK(checker.faults().empty());
  CHECK(checker.repeated() == 0);
}

TEST_CASE("a job may start before the acceptance of the one before it was heard of") {
  Checker checker{1};
  checker.submitted({0, 0});
  checker.submitted({0, 1});
  checker.started({0, 0}, 1);
  checker.finished({0, 0});
  checker.started({0, 1}, 1);
  checker.finished({0, 1});
  checker.accepted({0, 1});
  CHECK_FALSE(checker.all_done());
  checker.accepted({0, 0});
  CHECK(checker.all_done());
  CHECK(checker.faults().empty());
}

TEST_CASE("wrong work is noticed") {
  Checker checker{2};
  checker.submitted({0, 0});
  SECTION("a job that overtook") {
    checker.submitted({0, 1});
    checker.started({0, 1}, 1);
    checker.finished({0, 1});
    checker.accepted({0, 1});
    checker.accepted({0, 0});
  }
  SECTION("two at once") {
    checker.submitted({0, 1});
    checker.started({0, 0}, 1);
    checker.started({0, 1}, 1);
    checker.accepted({0, 0});
    checker.accepted({0, 1});
  }
  SECTION("done twice without being another attempt") {
    checker.started({0, 0}, 1);
    checker.finished({0, 0});
    checker.started({0, 0}, 1);
    checker.accepted({0, 0});
  }
  SECTION("one accepted twice, and another lost") {
    checker.submitted({1, 0});
    for (const auto place : {Place{0, 0}, Place{1, 0}}) {
      checker.started(place, 1);
      checker.finished(place);
    }
    checker.accepted({0, 0});
    checker.accepted({0, 0});
    CHECK_FALSE(checker.all_done());
    CHECK(checker.faults().size() == 2);
  }
  SECTION("accepted without a submit") {
    checker.accepted({0, 0});
    checker.accepted({1, 0});
    CHECK(checker.all_done());
  }
  SECTION("lost") {}
  CHECK_FALSE(checker.faults().empty());
}

TEST_CASE("another attempt of the last job is none") {
  Checker checker{1};
  checker.submitted({0, 0});
  checker.started({0, 0}, 1);
  checker.finished({0, 0});
  checker.started({0, 0}, 2);
  checker.finished({0, 0});
  checker.accepted({0, 0});
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

TEST_CASE("what a machine does while it waits is no work") {
  CHECK(parse_busy_ticks("cpu  1 2 4 100 1000 8 16 5000 0 0\ncpu0 1 1 1 1 1 1 1\n") == 31);
}

TEST_CASE("a process that is there has a cost, one that is not has none") {
  const auto costs = read_costs({getpid(), 0});
  REQUIRE(costs.node);
  CHECK(costs.node->resident_mb > 0);
  CHECK_FALSE(costs.postgres);
  CHECK_FALSE(read_costs({}).node);
}

} // namespace turnwise::bench
