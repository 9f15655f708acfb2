// Lists of a running node: what is open, in pages, and what the journal says of finished jobs.
#include <algorithm>
#include <set>

#include "storage/migrator.hpp"
#include "storage/postgres/store.hpp"
#include "tests/actors/harness.hpp"
#include "tests/support/private_postgres.hpp"

namespace turnwise::tests {
namespace {

using model::JobState;
using model::ListFilter;
using model::ListPage;

ListPage page_of(TestNode& node, const ListFilter& filter, const model::ListPlace& from = {}, std::size_t items_max = 1'000) {
  auto answers = std::make_shared<Answers>(1);
  node->list(filter, from, items_max, {answers, 0});
  return *get<std::shared_ptr<ListPage>>(answers->wait().front());
}

/// All pages of a list.
std::vector<model::ListItem> all_of(TestNode& node, const ListFilter& filter, std::size_t items_max) {
  std::vector<model::ListItem> items;
  for (std::optional<model::ListPlace> from = model::ListPlace{}; from;) {
    auto page = page_of(node, filter, *from, items_max);
    CHECK(page.items.size() <= items_max);
    std::ranges::move(page.items, std::back_inserter(items));
    from = page.next;
  }
  return items;
}

ListFilter in_state(JobState state) {
  ListFilter filter;
  filter.state = state;
  return filter;
}

std::vector<model::Response> change(TestNode& node, std::vector<actors::Change> changes) {
  auto answers = std::make_shared<Answers>(changes.size());
  node->change(std::move(changes), answers);
  return answers->wait();
}

/// A job that fails once and is parked then.
model::JobId park(TestNode& node, const std::string& subject) {
  auto job = job_for(subject);
  job.kind = "failing";
  job.options.max_attempts = 1;
  const auto id = id_of(node.submit(job));
  node.fail(node.claim("failing").at(0));
  return id;
}

model::FinishedJobs finished(TestNode& node, const std::string& subject, model::EntryNumber before = model::past_all_entries,
                             std::size_t jobs_max = 100) {
  auto answers = std::make_shared<Answers>(1);
  node->finished_jobs(subject, before, jobs_max, {answers, 0});
  return *get<std::shared_ptr<const model::FinishedJobs>>(answers->wait().front());
}

TEST_CASE("a list has every open job once, in a stable order, however small its pages and however many actors there are") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(4));
  TestNode node(store);
  std::vector<model::NewJob> jobs;
  for (int i = 0; i < 900; ++i) {
    jobs.push_back(job_for("a:" + std::to_string(i % 700)));
  }
  std::set<model::EntryNumber> of_shards[4];
  for (const auto& answer : node.submit_all(std::move(jobs))) {
    of_shards[id_of(answer).shard.value()].insert(id_of(answer).entry);
  }
  const auto place_of = [](const model::ListItem& item) { return std::tuple{item.shard, item.subject, item.view.entry}; };
  for (const std::size_t items_max : {7UL, 100UL, 1'000UL}) {
    const auto items = all_of(node, {}, items_max);
    CHECK(items.size() == 900);
    CHECK(std::ranges::is_sorted(items, std::less{}, place_of));
    for (const auto& item : items) {
      CHECK(of_shards[item.shard.value()].contains(item.view.entry));
    }
  }
}

TEST_CASE("a list shows jobs by state, kind and subject, with the reason and since when") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(4));
  TestNode node(store);
  const auto parked = park(node, "a:1");
  node.submit(job_for("a:1"));
  const auto behind = id_of(node.submit(job_for("a:1")));
  const auto grant = node.claim("work").at(0);
  auto later = job_for("a:2");
  later.delay = std::chrono::hours{1};
  const auto scheduled = id_of(node.submit(later));

  const auto one = [&](const ListFilter& filter) {
    const auto page = page_of(node, filter);
    REQUIRE(page.items.size() == 1);
    CHECK_FALSE(page.next);
    CHECK(page.items[0].since);
    return page.items[0];
  };
  const auto set_aside = one(in_state(JobState::parked));
  CHECK(set_aside.view.entry == parked.entry);
  CHECK(set_aside.subject == "a:1");
  CHECK(set_aside.view.reason == model::WaitReason::parked);
  CHECK(*set_aside.since >= *one(in_state(JobState::running)).since - std::chrono::hours{1});
  CHECK(one(in_state(JobState::running)).owner == "worker-1");
  CHECK(one(in_state(JobState::running)).view.entry == grant.entry);
  const auto waits = one(in_state(JobState::waiting));
  CHECK(waits.view.entry == behind.entry);
  CHECK(waits.view.reason == model::WaitReason::behind);
  CHECK(waits.view.behind == grant.entry);
  CHECK(one(in_state(JobState::scheduled)).view.entry == scheduled.entry);

  ListFilter failing;
  failing.kind = "failing";
  CHECK(one(failing).view.entry == parked.entry);
  ListFilter unknown;
  unknown.kind = "never-seen";
  CHECK(page_of(node, unknown).items.empty());
  ListFilter of_subject;
  of_subject.subject = "a:2";
  CHECK(one(of_subject).view.entry == scheduled.entry);
  of_subject.subject = "a:3";
  CHECK(page_of(node, of_subject).items.empty());
}

TEST_CASE("a list shows who has a turn without a job, and who waits for one") {
  TestNode node(std::shared_ptr<storage::Store>(storage::open_memory(4)));
  const auto hold = [&](std::string owner) {
    auto answers = std::make_shared<Answers>(1);
    actors::HoldRequest request;
    request.subject = "a:1";
    request.owner = std::move(owner);
    request.ttl = 10s;
    request.on_busy = model::OnBusy::wait;
    request.wait = 10s;
    node->hold(request, {answers, 0});
    return answers;
  };
  hold("web-1")->wait();
  const auto waiting = hold("web-2");
  ListFilter holds;
  holds.type = model::EntryType::hold;
  ListPage page;
  node.wait_until([&] { return (page = page_of(node, holds)).items.size() == 2; });
  CHECK(page.items[0].owner == "web-1");
  CHECK(page.items[0].view.state == JobState::running);
  CHECK(page.items[0].lease_expires_at);
  CHECK(page.items[1].owner == "web-2");
  CHECK(page.items[1].view.state == JobState::waiting);
  CHECK(page_of(node, {}).items.empty()); // they are no jobs
}

TEST_CASE("a shard that nobody serves makes a list an error, not a gap") {
  auto store = std::shared_ptr<storage::Store>(storage::open_memory(4));
  TestNode node(store);
  node.submit(job_for("a:1"));
  node->drain();
  auto answers = std::make_shared<Answers>(1);
  node->list({}, {}, 10, {answers, 0});
  CHECK(get_error(answers->wait().front()) == model::Errc::unavailable);
}

TEST_CASE("many parked jobs are retried at once, and run one after the other in the order of their numbers") {
  TestNode node(std::shared_ptr<storage::Store>(storage::open_memory(4)));
  std::vector<model::JobId> jobs;
  for (int i = 0; i < 5; ++i) {
    jobs.push_back(park(node, "a:1"));
  }
  auto younger = job_for("a:1");
  younger.kind = "failing";
  jobs.push_back(id_of(node.submit(younger)));
  std::vector<actors::Change> changes;
  for (const auto& item : page_of(node, in_state(JobState::parked)).items) {
    changes.push_back({{item.shard, item.view.entry}, model::ChangeVerb::retry, item.subject});
  }
  REQUIRE(changes.size() == 5);
  std::swap(changes.front(), changes.back());
  changes.push_back({jobs.back(), model::ChangeVerb::retry, ""}); // waits: nothing to retry
  const auto answers = change(node, changes);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(get<model::Changed>(answers[i]).state == JobState::waiting);
  }
  CHECK(get_error(answers[5]) == model::Errc::wrong_state);
  for (const auto& job : jobs) {
    const auto grants = node.claim("failing", 10);
    REQUIRE(grants.size() == 1); // serially
    CHECK(grants[0].entry == job.entry);
    node.complete(grants[0]);
  }
}

TEST_CASE("a command about many is answered for jobs that are finished or were never there") {
  TestNode node(std::shared_ptr<storage::Store>(storage::open_memory(4)));
  const auto done = id_of(node.submit(job_for("a:1")));
  node.complete(node.claim("work").at(0));
  const auto open = id_of(node.submit(job_for("a:2")));
  const model::JobId nobody{done.shard, model::EntryNumber{done.entry.value() + 1'000}};
  const auto answers = change(node, {{done, model::ChangeVerb::cancel, "a:1"},
                                     {done, model::ChangeVerb::cancel, ""},
                                     {nobody, model::ChangeVerb::cancel, ""},
                                     {{model::ShardId{900}, {}}, model::ChangeVerb::cancel, ""},
                                     {open, model::ChangeVerb::cancel, ""}});
  CHECK(get_error(answers[0]) == model::Errc::wrong_state);
  CHECK(get_error(answers[1]) == model::Errc::wrong_state);
  CHECK(get_error(answers[2]) == model::Errc::not_found);
  CHECK(get_error(answers[3]) == model::Errc::not_found);
  CHECK(get<model::Changed>(answers[4]).state == JobState::cancelled);
}

void tell_history(const std::shared_ptr<storage::Store>& store) {
  TestNode node(store);
  std::vector<model::JobId> jobs;
  for (int i = 0; i < 6; ++i) {
    jobs.push_back(id_of(node.submit(job_for("a:1", "\"large\""))));
    node.submit(job_for("b:" + std::to_string(i)));
  }
  for (int done = 0; done < 12; ++done) {
    node.complete(node.claim("work").at(0));
  }
  auto discarded = job_for("a:1");
  discarded.kind = "failing";
  discarded.options.max_attempts = 1;
  discarded.options.on_failure = model::OnFailure::discard;
  jobs.push_back(id_of(node.submit(discarded)));
  node.fail(node.claim("failing").at(0));
  const auto open = id_of(node.submit(job_for("a:1")));

  const auto all = finished(node, "a:1");
  CHECK_FALSE(all.next);
  REQUIRE(all.jobs.size() == 7);
  CHECK(all.jobs[0].state == JobState::failed);
  CHECK(all.jobs[0].failure == "no");
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK(all.jobs[i].entry == jobs[6 - i].entry);
    CHECK(all.jobs[i].entry != open.entry);
    CHECK(all.jobs[i].attempt == model::Attempt{1});
    CHECK(all.jobs[i].finished_at >= all.jobs[i].submitted_at);
    CHECK(all.jobs[i].job.payload.empty());
    CHECK(all.jobs[i].result.empty());
  }
  std::vector<model::EntryNumber> in_pages;
  for (std::optional<model::EntryNumber> before = model::past_all_entries; before;) {
    const auto page = finished(node, "a:1", *before, 2);
    CHECK(page.jobs.size() <= 2);
    for (const auto& job : page.jobs) {
      in_pages.push_back(job.entry);
    }
    before = page.next;
  }
  CHECK(in_pages.size() == 7);
  CHECK(std::ranges::is_sorted(in_pages, std::greater{}));
  CHECK(finished(node, "never:1").jobs.empty());
}

TEST_CASE("the history of a subject has its finished jobs, newest first, in memory") {
  tell_history(std::shared_ptr<storage::Store>(storage::open_memory(1)));
}

TEST_CASE("the history of a subject has its finished jobs, newest first, in PostgreSQL", "[postgres]") {
  const TestDatabase database;
  REQUIRE(storage::migrate(database.connection(), 1).ok());
  tell_history(storage::open_postgres({.connection = database.connection()}));
}

} // namespace
} // namespace turnwise::tests
