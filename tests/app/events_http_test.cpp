// GET /v1/events: a stream of server-sent events.
#include <catch2/catch_test_macros.hpp>

#include <thread>

#include "http_fixture.hpp"

using namespace turnwise;
using test::HttpFixture;

namespace {

/// A client of the stream, which reads until it has seen a text.
class Watching {
public:
  explicit Watching(const HttpFixture& node, const std::string& query = "", const std::string& fields = "")
      : client_(node.connect()) {
    client_.send("GET /v1/events" + query + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    CHECK(until(": turnwise\n").find("Content-Type: text/event-stream\r\n") != std::string::npos);
  }

  /// Everything up to the end of `text`, since the last call.
  std::string until(const std::string& text) {
    auto found = seen_.find(text);
    while (found == std::string::npos) {
      const auto more = client_.read_some();
      INFO("before the end: " << seen_);
      REQUIRE_FALSE(more.empty());
      seen_ += more;
      found = seen_.find(text);
    }
    const auto part = seen_.substr(0, found + text.size());
    seen_.erase(0, part.size());
    return part;
  }

private:
  test::RawClient client_;
  std::string seen_;
};

void publish(HttpFixture& node, std::string subject, std::string kind, std::uint64_t entry) {
  node.engine.feed->publish({.at = test::FakeEngine::noon,
                             .name = "started",
                             .entry = {model::ShardId{3}, model::EntryNumber{entry}},
                             .subject = std::move(subject),
                             .kind = std::move(kind)});
}

/// The id of the last event in the text.
std::string last_id(const std::string& text) {
  const auto begin = text.rfind("id: ") + 4;
  return text.substr(begin, text.find('\n', begin) - begin);
}

TEST_CASE("events come as they happen, those that were asked for alone") {
  HttpFixture node;
  Watching all(node);
  Watching one(node, "?subject=a%3A1&kind=move");
  publish(node, "b:1", "move", 7);
  publish(node, "a:1", "move", 8);
  const auto id = model::to_string(model::JobId{model::ShardId{3}, model::EntryNumber{8}});
  const auto text = all.until("\"id\":\"" + id + "\"");
  CHECK(text.find("event: started\ndata: {\"event\":\"started\",\"at\":\"") != std::string::npos);
  CHECK(text.find("\"subject\":\"b:1\",\"kind\":\"move\"}") != std::string::npos);
  const auto filtered = one.until("\"id\":\"" + id + "\"");
  CHECK(filtered.find("b:1") == std::string::npos);
}

TEST_CASE("a client that comes back with the last id goes on where it was") {
  HttpFixture node;
  std::string id;
  {
    Watching first(node);
    publish(node, "a:1", "move", 7);
    id = last_id(first.until("\"a:1\""));
  }
  publish(node, "a:2", "move", 8);
  Watching again(node, "", "Last-Event-ID: " + id + "\r\n");
  const auto text = again.until("\"a:2\"");
  CHECK(text.find("\"a:1\"") == std::string::npos);
  CHECK(text.find("event: gap") == std::string::npos);
}

TEST_CASE("an id of another life of the node, or none at all, is a gap") {
  HttpFixture node;
  for (const std::string id : {"00000000-7", "nonsense", "-"}) {
    Watching again(node, "", "Last-Event-ID: " + id + "\r\n");
    again.until("event: gap\n");
  }
}

TEST_CASE("a stream ends when the node drains") {
  HttpFixture node;
  Watching watching(node);
  node.context.draining = true;
  watching.until("\r\n0\r\n\r\n");
}

TEST_CASE("more watchers than may are told to come again") {
  HttpFixture node;
  std::vector<std::unique_ptr<actors::EventFeed::Watcher>> watchers;
  for (std::size_t i = 0; i < actors::EventFeed::watchers_max; ++i) {
    watchers.push_back(node.engine.feed->watch());
  }
  CHECK(node.get("/v1/events").status == 503);
}

} // namespace
