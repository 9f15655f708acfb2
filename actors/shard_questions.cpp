// Questions that only the journal can answer: about jobs that are closed, or whose subject nobody told.
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>

#include "actors/shard.hpp"
#include "model/job_story.hpp"

namespace turnwise::actors {
namespace {

constexpr std::size_t watches_max = 20'000;

/// What stands for a job that the mailbox does not hold any more.
model::Response verdict(const model::Command& command, const model::StoryBuilder& builder, const model::JobStory& story) {
  const model::Error closed{model::Errc::wrong_state,
                            "the job has " + std::string(name(story.state)) + " already, and stays so", ""};
  return std::visit(
      model::Overloaded{
          [&](const model::Complete& c) { return builder.judge(c.claim); },
          [&](const model::Fail& c) { return builder.judge(c.claim); },
          [&](const model::Release& c) { return builder.judge(c.claim); },
          [&](const model::Heartbeat&) {
            return model::Response{model::Error{model::Errc::stale_fence, "the job is closed: stop working on it", ""}};
          },
          [&](const model::Cancel&) {
            return story.state == model::JobState::cancelled ? model::Response{model::Changed{story.state, false}} : closed;
          },
          [&](const model::Recall&) {
            return model::Response{model::Accepted{story.shard, story.entry, story.state, model::Disposition::duplicate, 0}};
          },
          [&](const auto&) { return model::Response{closed}; },
      },
      command);
}

} // namespace

/// Reads the entry's story as soon as everything that was decided so far is durable.
void Shard::ask(Question question) {
  const std::uint64_t id = next_question_++;
  questions_.emplace(id, std::move(question));
  when_durable(Ask{id});
}

void Shard::fail_question(const Question& question, const model::Error& error) {
  deliver(question.ticket, error);
}

void Shard::read_story(std::uint64_t id) {
  const auto found = questions_.find(id);
  if (found == questions_.end()) {
    return;
  }
  const bool queued = context_.readers->submit([me = shard_actor{self_}, shard = id_, entry = found->second.entry, id,
                                                generation = generation_](storage::JournalReader& reader) {
    StoryRead message{generation, id, nullptr, ""};
    auto story = std::make_shared<model::StoryBuilder>(shard, entry);
    const auto read =
        reader.history(shard, entry, [&](model::Sequence sequence, model::Record&& record) { story->add(sequence, record); });
    if (read.ok()) {
      message.story = std::move(story);
    } else {
      message.error = read.error().detail;
    }
    caf::anon_send(me, std::move(message));
  });
  if (!queued) {
    fail_question(found->second, {model::Errc::unavailable, "too many reads wait; try again", ""});
    questions_.erase(found);
  }
}

void Shard::story_read(StoryRead& message) {
  const auto found = message.generation == generation_ ? questions_.find(message.question) : questions_.end();
  if (found == questions_.end()) {
    return;
  }
  Question question = std::move(found->second);
  questions_.erase(found);
  if (message.story) {
    answer(question, *message.story);
  } else {
    fail_question(question, {model::Errc::unavailable, "the journal cannot be read now; try again", ""});
  }
}

void Shard::answer(Question& question, const model::StoryBuilder& builder) {
  auto story = builder.story();
  if (question.purpose == Question::Purpose::end_watches) {
    if (!story || is_final(story->state)) {
      tell_watchers(question.entry);
    }
    return;
  }
  if (!story) {
    fail_question(question, {model::Errc::not_found, "there is no such job; ids are told by the answer to a submit", ""});
    return;
  }
  Slot* slot = is_final(story->state) ? nullptr : find_slot(story->job.subject);
  if (question.purpose == Question::Purpose::describe) {
    auto shared = std::make_shared<model::JobStory>(std::move(*story));
    if (slot != nullptr) {
      enqueue(*slot, model::Locate{question.entry, std::move(shared), std::move(question.ticket)});
    } else {
      deliver(question.ticket, std::shared_ptr<const model::JobStory>(std::move(shared)));
    }
  } else if (slot != nullptr && question.purpose == Question::Purpose::find_mailbox) {
    enqueue(*slot, std::move(*question.command));
  } else {
    deliver(question.ticket, verdict(*question.command, builder, *story));
  }
}

// ── Waiting for the end of a job ─────────────────────────────────────────────────────────────────────────────────────────

void Shard::watch(model::EntryNumber entry, milliseconds wait, model::Ticket ticket) {
  if (watch_timers_.size() >= watches_max) {
    deliver(ticket,
            model::Error{model::Errc::unavailable, "too many requests wait for jobs of this shard; ask without waiting", ""});
    return;
  }
  const model::MonoTime until = model::BootClock::now() + wait;
  watches_[entry].push_back({until, std::move(ticket)});
  watch_timers_.emplace(until, entry);
  ask({Question::Purpose::end_watches, entry, {}, {}}); // it may be final already
}

/// The job is final and durable: its story is told to all who wait for it.
void Shard::tell_watchers(model::EntryNumber entry) {
  if (auto watches = watches_.extract(entry)) {
    for (Watch& watch : watches.mapped()) {
      ask({Question::Purpose::describe, entry, {}, std::move(watch.ticket)});
    }
  }
}

/// Waits that are over: the story is told as it is.
void Shard::end_due_watches() {
  const auto now = model::BootClock::now();
  for (; !watch_timers_.empty() && watch_timers_.begin()->first <= now; watch_timers_.erase(watch_timers_.begin())) {
    const model::EntryNumber entry = watch_timers_.begin()->second;
    const auto found = watches_.find(entry);
    if (found == watches_.end()) {
      continue; // told already
    }
    auto& watches = found->second;
    const auto due =
        std::stable_partition(watches.begin(), watches.end(), [&](const Watch& watch) { return watch.until > now; });
    for (auto watch = due; watch != watches.end(); ++watch) {
      ask({Question::Purpose::describe, entry, {}, std::move(watch->ticket)});
    }
    watches.erase(due, watches.end());
    if (watches.empty()) {
      watches_.erase(found);
    }
  }
}

} // namespace turnwise::actors
