// How a node starts and ends: what is still served while it drains, and how it shares its file descriptors out.
#include <csignal>

#include <catch2/catch_test_macros.hpp>

#include "app/node/descriptors.hpp"
#include "app/node/drain.hpp"
#include "app/node/stop_signal.hpp"
#include "http_fixture.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using test::HttpFixture;

TEST_CASE("while a node drains, workers are served on new connections, and readyz says that it drains") {
  HttpFixture node;
  node.engine.on_drain = [&] {
    const auto ready = node.get("/readyz");
    CHECK(ready.status == 503);
    CHECK(ready.body.find("draining") != std::string::npos);
    const auto receipt = model::to_string(model::Receipt{model::ShardId{3}, {model::EntryNumber{7}, model::Attempt{1}, {}}});
    CHECK(node.post("/v1/claims/" + receipt + "/complete", "").status == 200);
  };
  node::drain(node.context, nullptr, 0ms, node.server);
  CHECK(node.engine.answered().size() == 1);
}

TEST_CASE("handlers have less time than the node, so that what is stopped can end within it") {
  handlers::Handlers handlers;
  CHECK(node::handlers_patience(handlers, 25s) == 24s);
  handlers.exec.push_back({.kind = "k", .argv = {"true"}, .timeout = {}, .concurrency = 1, .grace = 5s});
  CHECK(node::handlers_patience(handlers, 25s) == 19s);
  CHECK(node::handlers_patience(handlers, 3s) == 0s);
}

TEST_CASE("connections leave enough file descriptors for everything else") {
  config::NodeOptions options;
  const auto without_commands = node::descriptors_besides_connections(options);
  options.exec.push_back({.kind = "k", .argv = {"true"}, .timeout = {}, .concurrency = 16, .grace = 5s});
  CHECK(node::descriptors_besides_connections(options) == without_commands + 64);
  CHECK(*node::connections_within(100'000, 300, 12'000) == 12'000);
  CHECK(*node::connections_within(400, 300, 12'000) == 100);
  CHECK(node::connections_within(305, 300, 12'000).error().detail.find("ulimit -n") != std::string::npos);
}

TEST_CASE("a hang-up of the terminal ends a node like SIGTERM, unless it is ignored, and a broken pipe does not end it") {
  {
    node::StopSignal stop;
    REQUIRE(raise(SIGPIPE) == 0);
    REQUIRE(raise(SIGHUP) == 0);
    stop.wait();
  }
  std::signal(SIGHUP, SIG_IGN);
  {
    node::StopSignal stop;
    REQUIRE(raise(SIGHUP) == 0);
    REQUIRE(raise(SIGTERM) == 0);
    stop.wait(); // by one signal: a second one would have ended this process
  }
  std::signal(SIGHUP, SIG_DFL);
  std::signal(SIGPIPE, SIG_DFL);
}
