// Lists and their cursors, and commands about many jobs: what clients ask for and what they get.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "app/json/writer.hpp"
#include "model/command.hpp"
#include "model/job_id.hpp"
#include "model/job_story.hpp"

namespace turnwise::api {

using model::Result;

inline constexpr std::size_t list_items_default = 100;
inline constexpr std::size_t list_items_max = 1'000;
inline constexpr std::size_t history_jobs_default = 20;
inline constexpr std::size_t history_jobs_max = 100;

/// Where a list goes on, as a text that means nothing to clients and needs no escaping in a URL.
std::string to_cursor(const model::ListPlace& place);
std::string to_cursor(model::EntryNumber before);
/// Errc::malformed for a text that is no cursor.
Result<model::ListPlace> parse_list_cursor(std::string_view text);
Result<model::EntryNumber> parse_history_cursor(std::string_view text);

/// What a query or a filter says of a list.
struct ListQuery {
  model::ListFilter filter;
  model::ListPlace from;
  std::size_t items_max{list_items_default};
};
/// A state in which jobs can be listed. Errc::malformed, with what there is, for others.
Result<model::JobState> parse_open_state(std::string_view word);
/// A whole number from 1 to `most`.
Result<std::size_t> parse_limit(std::string_view text, std::size_t most);

/// The body of POST /v1/jobs/retry and /cancel: either jobs, as they were written, or a list of them.
struct ManyJobs {
  std::vector<std::string> jobs;
  std::optional<ListQuery> list;
};
Result<ManyJobs> parse_many_jobs(const boost::json::object& object);

/// The whole documents of GET /v1/jobs, /v1/holds and /v1/subjects/{subject}/history.
std::string jobs_document(const model::ListPage& page, model::WallTime now);
std::string holds_document(const model::ListPage& page);
std::string history_document(std::string_view subject, const model::FinishedJobs& page);

/// What became of one of many jobs.
struct ChangedJob {
  std::string id; ///< as it was written, or as it is listed
  Result<model::Changed> result;
};
/// The whole document of POST /v1/jobs/retry and /cancel.
std::string many_changed_document(const std::vector<ChangedJob>& jobs, const std::optional<model::ListPlace>& next);

} // namespace turnwise::api
