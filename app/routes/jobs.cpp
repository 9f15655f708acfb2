// Calls about one job or one subject.
#include <charconv>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "app/api/headers.hpp"
#include "app/api/render.hpp"
#include "app/http/response.hpp"
#include "app/routes/answers.hpp"
#include "app/routes/collector.hpp"
#include "app/routes/routes.hpp"
#include "model/subject.hpp"

namespace turnwise::routes {
namespace {

using http::problem_response;
using model::Errc;
using model::Error;
using model::JobId;
using model::Ticket;
using model::WaitReason;
using StoryPointer = std::shared_ptr<const model::JobStory>;

constexpr std::chrono::seconds job_wait_max{30};
constexpr std::size_t subject_jobs_default = 100;
constexpr std::size_t subject_jobs_max = 1'000;

model::Result<JobId> read_job_id(const Request& request) {
  if (const auto id = model::parse_job_id(request.parameters.front())) {
    return *id;
  }
  return Error{Errc::not_found, fmt::format("{} is no job id; is there a typing mistake?", request.parameters.front()), ""};
}

/// Whom a job waits behind, as far as its subject says.
boost::asio::awaitable<api::TurnContext> turn_context(Context& context, const model::JobStory& story) {
  api::TurnContext known{story.shard, std::nullopt, std::nullopt, context.engine.wall_time()};
  const bool subject_says = story.now && (story.now->behind.value() != 0 || story.now->reason == WaitReason::paused);
  if (subject_says) {
    auto view = co_await ask_engine<model::SubjectView>(context.engine_timeout, Effect::read, [&](Ticket ticket) {
      context.engine.describe_subject(story.job.subject, 0, std::move(ticket));
    });
    if (view) {
      known.turn = std::move(view->turn);
      known.pause = std::move(view->pause);
    }
  }
  co_return known;
}

Response changed_response(JobId id, const model::Result<model::Changed>& changed) {
  if (!changed) {
    return problem_response(changed.error());
  }
  json::Writer out;
  out.begin_object();
  api::write_changed(out, id, *changed);
  out.end_object();
  return json_response(200, std::move(out).take());
}

/// Both calls take no members.
model::Result<JobId> read_change(const Request& request) {
  const auto body = body_object(request);
  if (!body) {
    return body.error();
  }
  if (!body->get_object().empty()) {
    return Error{Errc::malformed, "this call takes no members", ""};
  }
  return read_job_id(request);
}

model::Result<std::size_t> read_jobs_max(const Request& request) {
  std::size_t jobs_max = subject_jobs_default;
  for (const auto& [name, value] : request.query) { // only jobs, as the table of routes says
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), jobs_max);
    if (failure != std::errc{} || end != value.data() + value.size() || jobs_max > subject_jobs_max) {
      return Error{Errc::malformed, fmt::format("jobs must be a whole number from 0 to {}", subject_jobs_max), ""};
    }
  }
  return jobs_max;
}

} // namespace

Answered show_job(Context& context, Request request) {
  const auto id = read_job_id(request);
  if (!id) {
    co_return problem_response(id.error());
  }
  const auto wait = api::prefer_wait(request.field("prefer"), job_wait_max);
  const auto story = co_await ask_engine<StoryPointer>(context.engine_timeout + wait.value_or(std::chrono::seconds{0}),
                                                       Effect::read, [&](Ticket ticket) {
                                                         if (wait) {
                                                           context.engine.await_job(*id, *wait, std::move(ticket));
                                                         } else {
                                                           context.engine.describe_job(*id, std::move(ticket));
                                                         }
                                                       });
  if (!story) {
    co_return problem_response(story.error());
  }
  const auto known = co_await turn_context(context, **story);
  auto response = json_response(200, api::job_document(**story, known));
  if (wait) {
    response.fields.emplace_back("Preference-Applied", fmt::format("wait={}", wait->count()));
  }
  co_return response;
}

Answered cancel_job(Context& context, Request request) {
  const auto id = read_change(request);
  if (!id) {
    co_return problem_response(id.error());
  }
  const auto changed = co_await ask_engine<model::Changed>(
      context.engine_timeout, Effect::write, [&](Ticket ticket) { context.engine.cancel(*id, std::move(ticket)); });
  co_return changed_response(*id, changed);
}

Answered retry_job(Context& context, Request request) {
  const auto id = read_change(request);
  if (!id) {
    co_return problem_response(id.error());
  }
  const auto changed = co_await ask_engine<model::Changed>(
      context.engine_timeout, Effect::write, [&](Ticket ticket) { context.engine.retry(*id, std::move(ticket)); });
  co_return changed_response(*id, changed);
}

Answered show_subject(Context& context, Request request) {
  const std::string& subject = request.parameters.front();
  if (const auto checked = model::check_subject(subject); !checked) {
    co_return problem_response(checked.error());
  }
  const auto jobs_max = read_jobs_max(request);
  if (!jobs_max) {
    co_return problem_response(jobs_max.error());
  }
  const auto view = co_await ask_engine<model::SubjectView>(context.engine_timeout, Effect::read, [&](Ticket ticket) {
    context.engine.describe_subject(subject, *jobs_max, std::move(ticket));
  });
  if (!view) {
    co_return problem_response(view.error());
  }
  const auto shard = model::shard_of(subject, context.engine.cluster().shard_count);
  co_return json_response(200, api::subject_document(subject, *view, shard, context.engine.wall_time()));
}

} // namespace turnwise::routes
