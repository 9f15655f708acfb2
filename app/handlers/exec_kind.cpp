#include "app/handlers/exec_kind.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <fmt/format.h>
#include <sysexits.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "app/text.hpp"
#include "model/job_id.hpp"
#include "model/limits.hpp"
#include "model/subject.hpp"

namespace turnwise::handlers {

namespace {

constexpr std::size_t error_tail_bytes_max = 4 * 1024;
constexpr std::size_t json_depth_max = 64;
constexpr std::string_view blanks = " \t\r\n";

std::string_view tail(std::string_view text, std::size_t bytes_max) {
  return text.substr(text.size() - std::min(text.size(), bytes_max));
}

bool is_json(std::string_view text) {
  boost::json::error_code fault;
  boost::json::parse_options options;
  options.max_depth = json_depth_max;
  boost::json::parse(text, fault, {}, options);
  return !fault;
}

std::string to_json_string(std::string_view text) {
  auto kept = tail(text, model::result_bytes_max);
  for (;;) {
    // A byte that is not UTF-8 grows to three.
    auto json = boost::json::serialize(boost::json::string(model::to_utf8(kept, 3 * model::result_bytes_max)));
    if (json.size() <= model::result_bytes_max) {
      return json;
    }
    kept = tail(kept, kept.size() * model::result_bytes_max / json.size());
  }
}

std::string with_lines(std::string text, const CommandEnd& end) {
  const auto lines = last_lines(end);
  return lines.empty() ? text : text + ": " + lines;
}

std::string signal_name(int number) {
  const char* name = sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

} // namespace

CommandSpec command_for(const ExecKind& kind, const model::Grant& grant) {
  CommandSpec spec{.argv = kind.argv, .input = grant.payload};
  auto set = [&](std::string_view name, std::string_view value) {
    spec.environment.push_back(fmt::format("{}={}", name, value));
  };
  set("TURNWISE_JOB", model::to_string(model::JobId{grant.shard, grant.entry}));
  set("TURNWISE_SUBJECT", grant.subject);
  set("TURNWISE_KIND", grant.kind);
  set("TURNWISE_ATTEMPT", std::to_string(grant.attempt.value()));
  set("TURNWISE_FENCING_TOKEN", std::to_string(grant.fencing_token.value()));
  set("TURNWISE_LEASE_MS", std::to_string(grant.lease.count()));
  if (!grant.metadata.empty()) {
    set("TURNWISE_METADATA", grant.metadata);
  }
  if (!grant.traceparent.empty()) {
    set("TRACEPARENT", grant.traceparent);
  }
  for (const char* name : {"PATH", "HOME", "LANG"}) {
    if (const char* value = std::getenv(name)) {
      set(name, value);
    }
  }
  return spec;
}

HandlerResult outcome_of(const CommandEnd& end) {
  switch (end.how) {
  case CommandEnd::How::exited:
    if (end.code == EX_OK) {
      return Success{end.output_truncated ? to_json_string(end.output) : to_json_result(end.output)};
    }
    if (end.code == EX_DATAERR) {
      return GiveUp{with_lines(fmt::format("exit status {}", end.code), end)};
    }
    return RetryLater{with_lines(fmt::format("exit status {}", end.code), end)};
  case CommandEnd::How::signalled:
    return RetryLater{with_lines("killed by " + signal_name(end.code), end)};
  case CommandEnd::How::not_started:
  case CommandEnd::How::refused:
  case CommandEnd::How::lost:
    break;
  }
  return RetryLater{end.error};
}

std::string last_lines(const CommandEnd& end) {
  const auto errors = trim(end.errors, blanks);
  const auto written = errors.empty() ? trim(end.output, blanks) : errors;
  auto lines = tail(written, error_tail_bytes_max);
  const auto line_start = lines.find('\n');
  if (lines.size() < written.size() && line_start != std::string_view::npos) {
    lines.remove_prefix(line_start + 1); // the first line is cut off at its front
  }
  return model::to_utf8(lines, model::error_bytes_max);
}

std::string to_json_result(std::string_view text) {
  const auto content = trim(text, blanks);
  if (content.empty()) {
    return {};
  }
  return content.size() <= model::result_bytes_max && is_json(content) ? std::string(content) : to_json_string(text);
}

} // namespace turnwise::handlers
