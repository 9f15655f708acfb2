// Lists of jobs and holds, the history of a subject, and commands about many jobs.
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "app/api/lists.hpp"
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
using PagePointer = std::shared_ptr<model::ListPage>;
using FinishedPointer = std::shared_ptr<const model::FinishedJobs>;

/// The parameters that the table of routes lets through.
model::Result<api::ListQuery> read_query(const Request& request, model::EntryType type) {
  api::ListQuery query;
  query.filter.type = type;
  for (const auto& [name, value] : request.query) {
    if (name == "state") {
      const auto state = api::parse_open_state(value);
      if (!state) {
        return state.error();
      }
      query.filter.state = *state;
    } else if (name == "kind") {
      query.filter.kind = value;
    } else if (name == "subject") {
      query.filter.subject = value;
    } else if (name == "after") {
      auto from = api::parse_list_cursor(value);
      if (!from) {
        return from.error();
      }
      query.from = std::move(*from);
    } else if (name == "limit") {
      const auto limit = api::parse_limit(value, api::list_items_max);
      if (!limit) {
        return limit.error();
      }
      query.items_max = *limit;
    }
  }
  return query;
}

boost::asio::awaitable<model::Result<PagePointer>> read_page(Context& context, const api::ListQuery& query) {
  co_return co_await ask_engine<PagePointer>(context.engine_timeout, Effect::read, [&](Ticket ticket) {
    context.engine.list(query.filter, query.from, query.items_max, std::move(ticket));
  });
}

/// Which jobs a call is about: those that it names, with a place for those that are none, or those that a list shows.
struct Chosen {
  std::vector<std::string> ids;
  std::vector<std::optional<actors::Change>> changes; ///< one for each id
  std::optional<model::ListPlace> next;
};

Chosen named_jobs(const std::vector<std::string>& ids, model::ChangeVerb verb) {
  Chosen chosen;
  for (const auto& id : ids) {
    const auto job = model::parse_job_id(id);
    chosen.ids.push_back(id);
    chosen.changes.push_back(job ? std::optional{actors::Change{*job, verb, ""}} : std::nullopt);
  }
  return chosen;
}

Chosen listed_jobs(model::ListPage& page, model::ChangeVerb verb) {
  Chosen chosen;
  for (auto& item : page.items) {
    const JobId job{item.shard, item.view.entry};
    chosen.ids.push_back(model::to_string(job));
    chosen.changes.push_back(actors::Change{job, verb, std::move(item.subject)});
  }
  chosen.next = std::move(page.next);
  return chosen;
}

Answered change_chosen(Context& context, Chosen chosen) {
  std::vector<actors::Change> changes;
  for (auto& change : chosen.changes) {
    if (change) {
      changes.push_back(*change);
    }
  }
  const auto collector = std::make_shared<Collector>(co_await boost::asio::this_coro::executor, changes.size());
  if (!changes.empty()) {
    context.engine.change(std::move(changes), collector);
  }
  auto answers = co_await collector->collect(context.engine_timeout);
  std::vector<api::ChangedJob> results;
  std::size_t next = 0; // of the answers: one per change
  for (std::size_t i = 0; i < chosen.ids.size(); ++i) {
    model::Result<model::Changed> result = Error{Errc::not_found, "this is no job id; is there a typing mistake?", ""};
    if (chosen.changes[i]) {
      result = expect<model::Changed>(std::move(answers[next++]), Effect::write);
    }
    results.push_back({std::move(chosen.ids[i]), std::move(result)});
  }
  co_return json_response(200, api::many_changed_document(results, chosen.next));
}

} // namespace

Answered list_jobs(Context& context, Request request) {
  const auto query = read_query(request, model::EntryType::job);
  if (!query) {
    co_return problem_response(query.error());
  }
  const auto page = co_await read_page(context, *query);
  co_return page ? json_response(200, api::jobs_document(**page, context.engine.wall_time())) : problem_response(page.error());
}

Answered list_holds(Context& context, Request request) {
  const auto query = read_query(request, model::EntryType::hold);
  if (!query) {
    co_return problem_response(query.error());
  }
  const auto page = co_await read_page(context, *query);
  co_return page ? json_response(200, api::holds_document(**page)) : problem_response(page.error());
}

Answered change_jobs(Context& context, Request request, model::ChangeVerb verb) {
  const auto body = body_object(request);
  const auto many = body ? api::parse_many_jobs(body->get_object()) : body.error();
  if (!many) {
    co_return problem_response(many.error());
  }
  Chosen chosen;
  if (many->list) {
    const auto page = co_await read_page(context, *many->list);
    if (!page) {
      co_return problem_response(page.error());
    }
    chosen = listed_jobs(**page, verb);
  } else {
    chosen = named_jobs(many->jobs, verb);
  }
  co_return co_await change_chosen(context, std::move(chosen));
}

Answered show_history(Context& context, Request request) {
  const std::string& subject = request.parameters.front();
  if (const auto checked = model::check_subject(subject); !checked) {
    co_return problem_response(checked.error());
  }
  model::EntryNumber before = model::past_all_entries;
  std::size_t jobs_max = api::history_jobs_default;
  for (const auto& [name, value] : request.query) {
    if (name == "after") {
      const auto cursor = api::parse_history_cursor(value);
      if (!cursor) {
        co_return problem_response(cursor.error());
      }
      before = *cursor;
    } else if (name == "limit") {
      const auto limit = api::parse_limit(value, api::history_jobs_max);
      if (!limit) {
        co_return problem_response(limit.error());
      }
      jobs_max = *limit;
    }
  }
  const auto page = co_await ask_engine<FinishedPointer>(context.engine_timeout, Effect::read, [&](Ticket ticket) {
    context.engine.finished_jobs(subject, before, jobs_max, std::move(ticket));
  });
  co_return page ? json_response(200, api::history_document(subject, **page)) : problem_response(page.error());
}

} // namespace turnwise::routes
