// What clients say about lists: cursors, states, filters.
#include <algorithm>
#include <charconv>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "app/api/lists.hpp"
#include "app/api/object_reader.hpp"
#include "model/limits.hpp"
#include "model/subject.hpp"

namespace turnwise::api {
namespace {

using model::Errc;
using model::Error;

Error no_cursor() {
  return {Errc::malformed, "after is no cursor: take the member next of the page before as it is", ""};
}

template <class Number>
bool read_number(std::string_view text, Number& number, int base) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return failure == std::errc{} && end == text.data() + text.size();
}

std::string to_hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  return text;
}

bool read_hex(std::string_view text, std::string& bytes) {
  if (text.size() % 2 != 0 || text.size() > 2 * model::subject_bytes_max) {
    return false;
  }
  for (std::size_t at = 0; at < text.size(); at += 2) {
    std::uint8_t byte{};
    if (!read_number(text.substr(at, 2), byte, 16)) {
      return false;
    }
    bytes += static_cast<char>(byte);
  }
  return bytes.empty() || model::check_subject(bytes).ok();
}

/// state, kind and subject of a filter; the state must be said, so that nobody changes everything by a slip.
Result<model::ListFilter> parse_filter(const boost::json::object& object) {
  model::ListFilter filter;
  ObjectReader in(object, "/filter");
  if (const auto word = in.text("state")) {
    if (const auto state = parse_open_state(*word)) {
      filter.state = *state;
    } else {
      in.refuse("state", state.error().detail);
    }
  } else {
    in.refuse("state", "state is missing: say in which state the jobs are, like \"parked\"");
  }
  filter.kind = in.short_text("kind", model::kind_bytes_max).value_or("");
  filter.subject = in.short_text("subject", model::subject_bytes_max).value_or("");
  if (auto fault = std::move(in).fault("a filter has state, kind, subject")) {
    return std::move(*fault);
  }
  return filter;
}

} // namespace

// ── Cursors ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

std::string to_cursor(const model::ListPlace& place) {
  return fmt::format("{:x}-{:x}-{}", place.shard.value(), place.entry.value(), to_hex(place.subject));
}

std::string to_cursor(model::EntryNumber before) {
  return fmt::format("{:x}", before.value());
}

Result<model::ListPlace> parse_list_cursor(std::string_view text) {
  const auto first = text.find('-');
  const auto second = text.find('-', std::min(first, text.size() - 1) + 1);
  std::uint16_t shard{};
  std::uint64_t entry{};
  model::ListPlace place;
  if (first == std::string_view::npos || second == std::string_view::npos || !read_number(text.substr(0, first), shard, 16) ||
      !read_number(text.substr(first + 1, second - first - 1), entry, 16) ||
      !read_hex(text.substr(second + 1), place.subject)) {
    return no_cursor();
  }
  place.shard = model::ShardId{shard};
  place.entry = model::EntryNumber{entry};
  return place;
}

Result<model::EntryNumber> parse_history_cursor(std::string_view text) {
  std::uint64_t entry{};
  if (!read_number(text, entry, 16)) {
    return no_cursor();
  }
  return model::EntryNumber{entry};
}

// ── States, limits, bodies ───────────────────────────────────────────────────────────────────────────────────────────────

Result<model::JobState> parse_open_state(std::string_view word) {
  const auto state = model::job_state(word);
  if (state && !is_final(*state)) {
    return *state;
  }
  return Error{
      Errc::malformed,
      fmt::format("{}: scheduled, waiting, running, retrying, halted and parked jobs can be listed; finished jobs of a "
                  "subject are at /v1/subjects/SUBJECT/history",
                  state ? "jobs in a final state are not listed here" : "there is no such state"),
      ""};
}

Result<std::size_t> parse_limit(std::string_view text, std::size_t most) {
  std::size_t limit{};
  if (!read_number(text, limit, 10) || limit == 0 || limit > most) {
    return Error{Errc::malformed, fmt::format("limit must be a whole number from 1 to {}", most), ""};
  }
  return limit;
}

Result<ManyJobs> parse_many_jobs(const boost::json::object& object) {
  ManyJobs many;
  ObjectReader in(object, "");
  const auto* jobs = in.array("jobs", list_items_max);
  const auto* filter = in.object("filter");
  const auto after = in.text("after");
  const auto limit = in.integer("limit", 1, list_items_max);
  if ((jobs != nullptr) == (filter != nullptr)) {
    in.refuse("jobs", "say which: either jobs, an array of ids, or filter");
  }
  if (jobs != nullptr) {
    if (after || limit) {
      in.refuse(after ? "after" : "limit", "after and limit go with filter only");
    }
    for (const auto& job : *jobs) {
      many.jobs.push_back(job.is_string() ? std::string{job.get_string()} : "");
    }
  }
  if (filter != nullptr) {
    auto parsed = parse_filter(*filter);
    const auto from = after ? parse_list_cursor(*after) : model::ListPlace{};
    if (!parsed) {
      in.refuse(parsed.error());
    } else if (!from) {
      in.refuse("after", from.error().detail);
    } else {
      many.list = ListQuery{std::move(*parsed), *from, limit ? static_cast<std::size_t>(*limit) : list_items_default};
    }
  }
  if (auto fault = std::move(in).fault("the call takes jobs or filter, after, limit")) {
    return std::move(*fault);
  }
  return many;
}

} // namespace turnwise::api
