#include "full_stories.hpp"

namespace turnwise::test {

using namespace std::chrono_literals;

model::Response story(model::JobState state, std::optional<model::JobView> now) {
  auto story = std::make_shared<model::JobStory>();
  story->shard = model::ShardId{3};
  story->entry = model::EntryNumber{8};
  story->job.subject = "artifact:1";
  story->job.kind = "build_coverage";
  story->job.metadata = R"({"trace":1})";
  story->job.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  story->job.run_at = noon;
  story->job.expires_at = noon;
  story->job.options = {5U, model::Backoff{}, model::OnFailure::halt, 60'000ms, 30'000ms};
  story->state = state;
  story->submitted_at = noon;
  story->retry_at = noon;
  story->finished_at = noon;
  story->cancel_requested = true;
  story->attempt = model::Attempt{1};
  story->failure = "it was too late";
  story->attempts.push_back({model::Attempt{1}, "w1", model::FencingToken{77}, noon, noon + 1s, "failed", "no disk"});
  story->now = std::move(now);
  return std::shared_ptr<const model::JobStory>(story);
}

model::JobView waiting(model::WaitReason reason) {
  model::JobView view{model::EntryNumber{8},
                      "build_coverage",
                      model::JobState::waiting,
                      model::Attempt{1},
                      reason,
                      model::EntryNumber{7},
                      noon,
                      1};
  if (reason == model::WaitReason::kind_paused) {
    view.kind_wait = model::KindWait{model::PauseView{"ann", "incident 7", noon}, 0};
  } else if (reason == model::WaitReason::kind_limit) {
    view.kind_wait = model::KindWait{{}, 3};
  }
  return view;
}

model::Kind kind_story() {
  model::Kind kind{
      .name = "build_coverage", .revision = 7, .settings = {}, .pause = model::PauseView{"ann", "incident 7", noon}};
  kind.settings.defaults = {5U, model::Backoff{}, model::OnFailure::halt, 60'000ms, 30'000ms};
  kind.settings.concurrency = 3;
  kind.settings.push =
      model::PushSettings{"https://example.com/jobs",
                          15'000ms,
                          {{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", {}}, {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", noon}}};
  return kind;
}

model::SubjectView subject_story() {
  model::SubjectView view;
  view.pause = model::PauseView{"ann", "incident 7", noon};
  view.turn = model::TurnView{
      model::EntryType::job, model::EntryNumber{7}, model::Attempt{1}, "w1", noon, noon + 30s, model::FencingToken{77}, true};
  view.queue_length = 2;
  view.jobs = {waiting(model::WaitReason::behind), waiting(model::WaitReason::backing_off),
               waiting(model::WaitReason::kind_paused), waiting(model::WaitReason::kind_limit)};
  return view;
}

model::Response list_page(const model::ListFilter& filter) {
  auto page = std::make_shared<model::ListPage>();
  page->items.resize(2);
  for (auto& item : page->items) {
    item.subject = "artifact:123";
    item.shard = model::ShardId{3};
    item.type = filter.type;
    item.since = noon;
    item.view = waiting(model::WaitReason::behind);
  }
  auto& first = page->items.front();
  first.view.state = model::JobState::running;
  first.owner = "w1";
  first.lease_expires_at = noon + 30s;
  page->next = model::ListPlace{model::ShardId{3}, "artifact:123", model::EntryNumber{9}};
  return page;
}

} // namespace turnwise::test
