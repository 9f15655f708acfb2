// Lists, commands about many jobs and the history of a subject, over HTTP and on the command line.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <iostream>
#include <sstream>

#include "app/api/lists.hpp"
#include "app/cli/command.hpp"
#include "http_fixture.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using test::HttpFixture;

namespace {

constexpr auto noon = test::FakeEngine::noon;

bool has(const std::string& whole, std::string_view text) {
  INFO(whole);
  const bool found = whole.find(text) != std::string::npos;
  CHECK(found);
  return found;
}

model::ListItem parked(std::uint64_t entry, std::string subject = "a:1") {
  model::ListItem item;
  item.shard = model::ShardId{3};
  item.subject = std::move(subject);
  item.view.entry = model::EntryNumber{entry};
  item.view.kind = "move";
  item.view.state = model::JobState::parked;
  item.view.attempt = model::Attempt{2};
  item.view.reason = model::WaitReason::parked;
  item.since = noon;
  return item;
}

std::string id_of(std::uint64_t entry) {
  return model::to_string(model::JobId{model::ShardId{3}, model::EntryNumber{entry}});
}

/// What the command prints, and its status in front.
std::string run(const HttpFixture& node, std::vector<std::string> words) {
  words.insert(words.begin(), "turnwise");
  words.insert(words.end(), {"--url", fmt::format("http://127.0.0.1:{}", node.port())});
  std::vector<char*> argv;
  for (auto& word : words) {
    argv.push_back(word.data());
  }
  std::ostringstream text;
  auto* const out = std::cout.rdbuf(text.rdbuf());
  auto* const err = std::cerr.rdbuf(text.rdbuf());
  const int status = cli::run(static_cast<int>(argv.size()), argv.data());
  std::cout.rdbuf(out);
  std::cerr.rdbuf(err);
  return fmt::format("{}: {}", status, text.str());
}

} // namespace

TEST_CASE("a cursor is read back as it was written, and nothing else is a cursor") {
  for (const std::string subject : {"", "artifact:123", "customer:München ÷ 2"}) {
    const model::ListPlace place{model::ShardId{255}, subject, model::past_all_entries};
    const auto text = api::to_cursor(place);
    CHECK(text.find_first_not_of("0123456789abcdef-") == std::string::npos);
    CHECK(api::parse_list_cursor(text).value() == place);
  }
  for (const std::string_view text :
       {"", "-", "--", "3", "3-8", "x-8-", "3-8-6", "3-8-zz", "3-8-00", "70000-8-", "3--61", "3-8-613a31-"}) {
    INFO(text);
    CHECK_FALSE(api::parse_list_cursor(text).ok());
  }
  CHECK(api::parse_history_cursor(api::to_cursor(model::EntryNumber{77})).value() == model::EntryNumber{77});
  CHECK_FALSE(api::parse_history_cursor("").ok());
}

TEST_CASE("jobs are listed by state, kind and subject, and the list says where it goes on") {
  HttpFixture node;
  const model::ListPlace from{model::ShardId{3}, "a:1", model::EntryNumber{8}};
  node.engine.on_list = [&](model::ListFilter filter, model::ListPlace place, std::size_t items_max) -> model::Response {
    CHECK(filter.type == model::EntryType::job);
    CHECK(filter.state == model::JobState::parked);
    CHECK(filter.kind == "move");
    CHECK(filter.subject == "a:1");
    CHECK(place == from);
    CHECK(items_max == 2);
    auto page = std::make_shared<model::ListPage>();
    page->items = {parked(8), parked(9)};
    page->next = model::ListPlace{model::ShardId{3}, "a:1", model::EntryNumber{10}};
    return page;
  };
  const auto reply =
      node.get(fmt::format("/v1/jobs?state=parked&kind=move&subject=a%3A1&limit=2&after={}", api::to_cursor(from)));
  CHECK(reply.status == 200);
  has(reply.body, fmt::format(R"({{"id":"{}","subject":"a:1","kind":"move","state":"parked","sequence":"8","attempt":2,)"
                              R"("since":"2030-01-01T12:00:00.000000Z","reason":"parked","because":)",
                              id_of(8)));
  has(reply.body, fmt::format(R"("next":"{}")", api::to_cursor({model::ShardId{3}, "a:1", model::EntryNumber{10}})));
}

TEST_CASE("what cannot be listed is refused with what can be") {
  HttpFixture node;
  for (const auto* state : {"succeeded", "failed", "cancelled"}) {
    const auto reply = node.get(fmt::format("/v1/jobs?state={}", state));
    CHECK(reply.status == 400);
    has(reply.body, "scheduled, waiting, running, retrying, halted and parked jobs can be listed");
    has(reply.body, "/history");
  }
  for (const auto* query : {"state=lost", "limit=0", "limit=1001", "limit=x", "after=zzz", "more=1"}) {
    INFO(query);
    CHECK(node.get(fmt::format("/v1/jobs?{}", query)).status == 400);
  }
  for (const auto* query : {"limit=101", "after=-", "state=failed"}) {
    CHECK(node.get(fmt::format("/v1/subjects/a%3A1/history?{}", query)).status == 400);
  }
  node.engine.on_list = [](auto&&...) { return model::Error{model::Errc::unavailable, "a shard is being loaded", ""}; };
  CHECK(node.get("/v1/jobs").status == 503); // no gap that nobody sees
}

TEST_CASE("many jobs are retried by their ids, each for itself, and those that are none are told") {
  HttpFixture node;
  node.engine.on_change = [](const actors::Change& change) -> model::Response {
    CHECK(change.verb == model::ChangeVerb::retry);
    if (change.job.entry.value() == 9) {
      return model::Error{model::Errc::wrong_state, "it runs", ""};
    }
    return model::Changed{model::JobState::waiting, false};
  };
  const auto reply = node.post("/v1/jobs/retry", fmt::format(R"({{"jobs":["{}","nonsense","{}",7]}})", id_of(8), id_of(9)));
  CHECK(reply.status == 200);
  has(reply.body, R"({"changed":1,"refused":3,"results":[)");
  has(reply.body,
      fmt::format(R"({{"id":"{}","status":200,"state":"waiting","cancel_requested":false}},{{"id":"nonsense","status":404)",
                  id_of(8)));
  has(reply.body, fmt::format(R"({{"id":"{}","status":409)", id_of(9)));
}

TEST_CASE("all jobs in a state are cancelled, a page at a time") {
  HttpFixture node;
  node.engine.on_list = [](const model::ListFilter& filter, const model::ListPlace&, std::size_t items_max) -> model::Response {
    CHECK(filter.state == model::JobState::halted);
    CHECK(items_max == 5);
    auto page = std::make_shared<model::ListPage>();
    page->items = {parked(8), parked(9, "a:2")};
    page->next = model::ListPlace{model::ShardId{4}, "", {}};
    return page;
  };
  std::vector<std::string> subjects;
  node.engine.on_change = [&](const actors::Change& change) {
    CHECK(change.verb == model::ChangeVerb::cancel);
    subjects.push_back(change.subject);
    return model::Changed{model::JobState::cancelled, false};
  };
  const auto reply = node.post("/v1/jobs/cancel", R"({"filter":{"state":"halted"},"limit":5})");
  has(reply.body, R"("changed":2,"refused":0)");
  has(reply.body, R"("next":"4-0-")");
  CHECK(subjects == std::vector<std::string>{"a:1", "a:2"});
}

TEST_CASE("a command about many says which ones, and only that") {
  HttpFixture node;
  const std::pair<std::string_view, std::string_view> bad[] = {
      {"{}", "/jobs"},
      {R"({"jobs":[],"filter":{"state":"parked"}})", "/jobs"},
      {R"({"filter":{}})", "/filter/state"},
      {R"({"filter":{"state":"succeeded"}})", "/filter/state"},
      {R"({"filter":{"state":"parked","more":1}})", "/filter/more"},
      {R"({"filter":{"state":"parked"},"after":"zzz"})", "/after"},
      {R"({"filter":{"state":"parked"},"limit":0})", "/limit"},
      {R"({"jobs":[],"limit":1})", "/limit"},
      {R"({"jobs":"x"})", "/jobs"},
  };
  for (const auto& [body, pointer] : bad) {
    CAPTURE(body);
    const auto reply = node.post("/v1/jobs/retry", body);
    CHECK(reply.status == 400);
    has(reply.body, fmt::format(R"("pointer":"{}")", pointer));
  }
  CHECK(node.post("/v1/jobs/retry", R"({"jobs":[]})").status == 200);
}

TEST_CASE("holds are listed with who has a turn and who waits") {
  HttpFixture node;
  node.engine.on_list = [](const model::ListFilter& filter, auto&&...) -> model::Response {
    CHECK(filter.type == model::EntryType::hold);
    auto page = std::make_shared<model::ListPage>();
    page->items = {parked(8), parked(9)};
    page->items[0].view.state = model::JobState::running;
    page->items[0].owner = "web-1";
    page->items[0].lease_expires_at = noon + 10s;
    page->items[1].view.state = model::JobState::waiting;
    page->items[1].owner = "web-2";
    page->items[1].since.reset();
    return page;
  };
  const auto reply = node.get("/v1/holds");
  has(reply.body,
      R"("state":"held","owner":"web-1","since":"2030-01-01T12:00:00.000000Z","expires_at":"2030-01-01T12:00:10.000000Z"})");
  has(reply.body, R"("state":"waiting","owner":"web-2"})");
  has(run(node, {"holds"}), "web-2");
}

TEST_CASE("the finished jobs of a subject are told newest first") {
  HttpFixture node;
  node.engine.on_finished = [](const std::string& subject, model::EntryNumber before, std::size_t jobs_max) -> model::Response {
    CHECK(subject == "a:1");
    CHECK(jobs_max == 20);
    model::JobStory story;
    story.shard = model::ShardId{3};
    story.entry = model::EntryNumber{before == model::past_all_entries ? 9U : 8U};
    story.job.kind = "move";
    story.state = model::JobState::failed;
    story.failure = "no disk";
    story.submitted_at = noon;
    story.finished_at = noon + 1s;
    const auto next = before == model::past_all_entries ? std::optional{model::EntryNumber{9}} : std::nullopt;
    return std::make_shared<const model::FinishedJobs>(model::FinishedJobs{{story}, next});
  };
  has(node.get("/v1/subjects/a%3A1/history").body,
      fmt::format(R"({{"subject":"a:1","jobs":[{{"id":"{}","kind":"move","state":"failed","sequence":"9",)"
                  R"("submitted_at":"2030-01-01T12:00:00.000000Z","finished_at":"2030-01-01T12:00:01.000000Z","attempt":0,)"
                  R"("failure":"no disk"}}],"next":"9"}})",
                  id_of(9)));
}

TEST_CASE("the command line lists page after page, and says where it stopped") {
  HttpFixture node;
  node.engine.on_list = [](const model::ListFilter& filter, const model::ListPlace& from, std::size_t) -> model::Response {
    CHECK(filter.state == model::JobState::parked);
    auto page = std::make_shared<model::ListPage>();
    page->items = {parked(from.entry.value() + 1)};
    page->next = model::ListPlace{model::ShardId{3}, "a:1", model::EntryNumber{from.entry.value() + 1}};
    return page;
  };
  const auto shown = run(node, {"parked", "--limit", "3"});
  CHECK(shown.starts_with("0: "));
  has(shown, id_of(1));
  has(shown, id_of(3));
  has(shown, "--after 3-3-613a31");
  has(run(node, {"jobs", "--state", "parked", "--json"}), R"({"jobs":[{)");
  CHECK(run(node, {"jobs", "--state", "succeeded"}).starts_with("2: "));
}

TEST_CASE("the command line retries all parked jobs of a kind, and tells what was refused") {
  HttpFixture node;
  std::size_t pages = 0;
  node.engine.on_list = [&](const model::ListFilter& filter, auto&&...) -> model::Response {
    CHECK(filter.state == model::JobState::parked);
    CHECK(filter.kind == "move");
    auto page = std::make_shared<model::ListPage>();
    page->items = {parked(8 + pages)};
    if (++pages < 3) {
      page->next = model::ListPlace{model::ShardId{3}, "a:1", model::EntryNumber{8 + pages}};
    }
    return page;
  };
  node.engine.on_change = [](const actors::Change& change) -> model::Response {
    if (change.job.entry.value() == 9) {
      return model::Error{model::Errc::wrong_state, "somebody was faster", ""};
    }
    return model::Changed{model::JobState::waiting, false};
  };
  const auto told = run(node, {"retry", "--all-parked", "--kind", "move"});
  CHECK(told.starts_with("1: 2 sent to work, 1 refused"));
  has(told, "somebody was faster");
  CHECK(run(node, {"cancel", id_of(8)}).starts_with("0: 1 cancelled or asked to stop, 0 refused"));
  CHECK(run(node, {"retry"}).starts_with("2: "));
  CHECK(run(node, {"retry", id_of(8), "--all-parked"}).starts_with("2: "));
  CHECK(run(node, {"cancel", id_of(8), "--kind", "move"}).starts_with("2: "));
}
