// Kinds over HTTP and from the command line.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <iostream>
#include <mutex>
#include <sstream>

#include "app/cli/command.hpp"
#include "http_fixture.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using test::HttpFixture;

namespace {

constexpr std::string_view path = "/v1/kinds/build_coverage";

bool contains(const std::string& text, std::string_view part) {
  INFO(text);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

test::Reply put(const HttpFixture& node, std::string_view body, std::string_view fields = "", std::string_view target = path) {
  return node.connect().ask(fmt::format("PUT {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                        "Content-Length: {}\r\n{}\r\n{}",
                                        target, body.size(), fields, body));
}

/// Carries out what it is asked, as an engine would, and remembers it.
struct Desk {
  HttpFixture node;
  std::vector<model::KindChange> asked;
  model::Kind kind{.name = "build_coverage", .revision = 6, .settings = {}, .pause = {}};

  Desk() {
    node.engine.on_kind_change = [this](const model::KindChange& change) -> model::Response {
      asked.push_back(change);
      auto after = model::changed(kind, change, test::FakeEngine::noon);
      if (!after) {
        return after.error();
      }
      after->revision = kind.revision + 1;
      kind = *after;
      node.engine.all_kinds = {{kind, 1, 2}};
      return std::make_shared<const model::Kind>(kind);
    };
  }

  int run(std::vector<std::string> words) {
    words.insert(words.begin(), "turnwise");
    words.insert(words.end(), {"--url", fmt::format("http://127.0.0.1:{}", node.port())});
    std::vector<char*> argv;
    for (auto& word : words) {
      argv.push_back(word.data());
    }
    std::ostringstream out;
    auto* const before = std::cout.rdbuf(out.rdbuf());
    const int status = cli::run(static_cast<int>(argv.size()), argv.data());
    std::cout.rdbuf(before);
    printed = out.str();
    return status;
  }
  std::string printed;
};

} // namespace

TEST_CASE("settings of a kind are replaced whole, and told with what is in force and their revision") {
  Desk desk;
  const auto reply = put(desk.node, R"({"max_attempts":3,"on_failure":"halt","timeout":"5m","concurrency":2})");
  CHECK(reply.status == 200);
  CHECK(reply.field("ETag") == "\"7\"");
  contains(reply.body, R"("settings":{"max_attempts":3,"on_failure":"halt","timeout":"5m","concurrency":2})");
  contains(reply.body, R"("policy":{"max_attempts":3,"backoff":{"initial":"1s","factor":2,"max":"10m","jitter":"full"},)"
                       R"("on_failure":"halt","timeout":"5m","lease":"30s"})");
  contains(reply.body, R"("paused":false,"running":1,"waiting":2)");
  REQUIRE(desk.asked.size() == 1);
  CHECK(desk.asked[0].kind == "build_coverage");
  CHECK_FALSE(std::get<model::PutKind>(desk.asked[0].what).only_at);
}

TEST_CASE("settings that were read at another revision are refused") {
  Desk desk;
  const auto late = put(desk.node, "{}", "If-Match: \"5\"\r\n");
  CHECK(late.status == 412);
  contains(late.body, "/problems/stale-revision");
  CHECK(put(desk.node, R"({"concurrency":1})", "If-Match: \"6\"\r\n").status == 200);
  CHECK(put(desk.node, "{}", "If-Match: 7\r\n").status == 400);
  CHECK(put(desk.node, "{}", "If-Match: *\r\n").status == 400);
}

TEST_CASE("settings that are not what the API describes are refused with what is wrong") {
  Desk desk;
  const std::pair<std::string_view, std::string_view> bad[] = {
      {R"({"concurrency":0})", "/concurrency"},
      {R"({"concurrency":"3"})", "/concurrency"},
      {R"({"max_attempts":0})", "/max_attempts"},
      {R"({"lease":"1s"})", "/lease"},
      {R"({"timeout":"30d"})", "/timeout"},
      {R"({"on_failure":"panic"})", "/on_failure"},
      {R"({"backoff":{"factor":0}})", "/backoff/factor"},
      {R"({"backoff":{"more":1}})", "/backoff/more"},
      {R"({"command":"rm"})", "/command"},
      {R"({"paused":true})", "/paused"},
  };
  for (const auto& [body, pointer] : bad) {
    CAPTURE(body);
    const auto reply = put(desk.node, body);
    CHECK(reply.status == 400);
    contains(reply.body, fmt::format(R"("pointer":"{}")", pointer));
  }
  CHECK(put(desk.node, "{}", "", "/v1/kinds/" + std::string(400, 'k')).status == 400);
  CHECK(desk.asked.empty());
}

TEST_CASE("a kind is paused and resumed by somebody, and says so") {
  Desk desk;
  CHECK(desk.node.post("/v1/kinds/build_coverage/pause", R"({"by":"ann"})").status == 400);
  const auto paused = desk.node.post("/v1/kinds/build_coverage/pause", R"({"by":"ann","why":"incident 7"})");
  contains(paused.body, R"("paused":true,"pause":{"by":"ann","why":"incident 7","since":"2030-01-01T12:00:00.000000Z"})");
  contains(desk.node.get("/v1/kinds/build_coverage").body, R"("paused":true)");
  contains(desk.node.post("/v1/kinds/build_coverage/resume", R"({"by":"bob"})").body, R"("paused":false)");
}

TEST_CASE("all kinds are listed, with how this node runs them; one that nobody has used has nothing set") {
  Desk desk;
  desk.node.context.runs_here = {{"build_coverage", "exec"}};
  desk.node.engine.all_kinds = {{desk.kind, 0, 3}};
  contains(desk.node.get("/v1/kinds").body, R"("waiting":3,"runs_here":"exec"}]})");
  const auto unknown = desk.node.get("/v1/kinds/other");
  CHECK(unknown.status == 200);
  CHECK(unknown.field("ETag") == "\"0\"");
  contains(unknown.body, R"({"kind":"other","revision":0,"settings":{})");
}

TEST_CASE("a job whose kind is paused or full says so in a sentence") {
  HttpFixture node;
  node.engine.on_subject = [](const std::string&) {
    model::SubjectView view;
    view.queue_length = 2;
    for (const auto reason : {model::WaitReason::kind_paused, model::WaitReason::kind_limit}) {
      model::JobView job;
      job.entry = model::EntryNumber{4};
      job.kind = "move";
      job.state = model::JobState::waiting;
      job.reason = reason;
      job.kind_wait = model::KindWait{{}, 3};
      if (reason == model::WaitReason::kind_paused) {
        job.kind_wait->pause = model::PauseView{"ann", "incident 7", test::FakeEngine::noon};
      }
      view.jobs.push_back(job);
    }
    return view;
  };
  const auto reply = node.get("/v1/subjects/artifact%3A1");
  contains(reply.body, R"("reason":"kind-paused","because":"is next, but ann paused the kind move at )"
                       R"(2030-01-01T12:00:00.000000Z: incident 7","kind_pause":{"by":"ann")");
  contains(reply.body, R"("reason":"kind-limit")");
  contains(reply.body, R"(may: 3","kind_limit":3)");
}

// ── The command line ─────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_CASE("a kind is changed from the command line member by member, for the revision that was read") {
  Desk desk;
  desk.node.engine.all_kinds = {{desk.kind, 0, 0}};
  CHECK(desk.run({"kind", "build_coverage", "--set", "concurrency=3", "--set", "backoff.initial=5s", "--set", "timeout=1m"}) ==
        0);
  desk.node.engine.all_kinds = {{desk.kind, 0, 0}};
  CHECK(desk.run({"kind", "build_coverage", "--unset", "timeout", "--set", "on_failure=halt"}) == 0);
  REQUIRE(desk.asked.size() == 2);
  const auto& put = std::get<model::PutKind>(desk.asked[1].what);
  CHECK(put.only_at == 7U);
  CHECK(put.settings.concurrency == 3U);
  CHECK(put.settings.defaults.backoff->initial == 5s);
  CHECK(put.settings.defaults.on_failure == model::OnFailure::halt);
  CHECK_FALSE(put.settings.defaults.timeout);
  contains(desk.printed, "on_failure       halt\n");
  contains(desk.printed, "(default)");
}

TEST_CASE("a member that no kind has, or a value that is missing, is a wrong command line") {
  Desk desk;
  CHECK(desk.run({"kind", "build_coverage", "--set", "colour=red"}) == 2);
  CHECK(desk.run({"kind", "build_coverage", "--set", "concurrency"}) == 2);
  CHECK(desk.run({"kind", "build_coverage", "--unset", "colour"}) == 2);
  CHECK(desk.run({"pause", "--why", "x"}) == 2);
  CHECK(desk.run({"pause", "a:1", "--kind", "k", "--why", "x"}) == 2);
  CHECK(desk.asked.empty());
}

TEST_CASE("a kind is paused and resumed from the command line, and listed in a table") {
  Desk desk;
  CHECK(desk.run({"pause", "--kind", "build_coverage", "--why", "incident 7", "--by", "ann"}) == 0);
  contains(desk.printed, "incident 7");
  CHECK(desk.run({"kinds"}) == 0);
  contains(desk.printed, "build_coverage");
  contains(desk.printed, "by ann since 2030-01-01T12:00:00.000000Z: incident 7");
  CHECK(desk.run({"kinds", "--json"}) == 0);
  CHECK(desk.printed.starts_with("{\"kinds\":["));
  CHECK(desk.run({"resume", "--kind", "build_coverage", "--by", "ann"}) == 0);
  CHECK_FALSE(desk.kind.pause);
}
