// turnwise jobs, parked, holds and history; retry and cancel of one or many.
#include <algorithm>
#include <iostream>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "app/cli/client_calls.hpp"
#include "app/cli/parse.hpp"
#include "app/client/url.hpp"
#include "app/json/writer.hpp"
#include "app/node/run.hpp"

namespace turnwise::cli {
namespace {

using boost::json::object;
using Rows = std::vector<std::vector<std::string>>;

constexpr std::size_t page_max = 1'000;
const std::vector<std::string> open_states{"scheduled", "waiting", "running", "retrying", "halted", "parked"};

struct ListOptions {
  std::string state, kind, subject, after;
  std::size_t limit{100};
};

void declare_page(CLI::App& app, ListOptions& options) {
  app.add_option("--limit", options.limit, "Show so many at most")->check(CLI::Range(1, 1'000'000))->capture_default_str();
  app.add_option("--after", options.after, "Go on where a list ended, with the word that it told");
}

void declare_filter(CLI::App& app, ListOptions& options) {
  app.add_option("--kind", options.kind, "Of this kind only");
  app.add_option("--subject", options.subject, "Of this subject only");
}

/// The target of one page.
std::string target_of(std::string_view path, const ListOptions& options, std::size_t limit, const std::string& after) {
  std::string target = fmt::format("{}?limit={}", path, limit);
  const std::pair<std::string_view, const std::string&> parameters[] = {
      {"state", options.state}, {"kind", options.kind}, {"subject", options.subject}, {"after", after}};
  for (const auto& [name, value] : parameters) {
    if (!value.empty()) {
      target += fmt::format("&{}={}", name, client::percent_encode(value));
    }
  }
  return target;
}

/// What a list shows: the array of this name, a row for each of its items.
struct Table {
  std::string_view path;
  std::string_view array;
  std::vector<std::string> titles;
  std::vector<std::string_view> members;
  std::size_t page_max{cli::page_max};
};

/// Shows as many as the options want, page by page. With --json one page, as the node gives it.
int show_list(const ClientOptions& options, const ListOptions& list, const Table& table) {
  Rows rows{table.titles};
  std::string after = list.after;
  do {
    const std::size_t left = list.limit - (rows.size() - 1);
    const auto answer = ask(options, {"GET", target_of(table.path, list, std::min(left, table.page_max), after)});
    if (const auto* failed = std::get_if<int>(&answer)) {
      return *failed;
    }
    const Heard& heard = std::get<Heard>(answer);
    if (options.json) {
      std::cout << heard.text << '\n';
      return node::exit_done;
    }
    for (const auto& item : heard.members().at(table.array).as_array()) {
      auto& row = rows.emplace_back();
      for (const auto name : table.members) {
        row.push_back(member(item.as_object(), name));
      }
    }
    const bool moves_on = member(heard.members(), "next") != after; // whatever the node says, this comes to an end
    after = moves_on ? member(heard.members(), "next") : "";
  } while (!after.empty() && rows.size() <= list.limit);
  print_table(rows);
  if (!after.empty()) {
    std::cout << fmt::format("\nThere are more: --after {}\n", after);
  }
  return node::exit_done;
}

const Table jobs_table{"/v1/jobs",
                       "jobs",
                       {"JOB", "SUBJECT", "KIND", "STATE", "ATTEMPT", "SINCE", "WHY"},
                       {"id", "subject", "kind", "state", "attempt", "since", "because"}};

// ── Many jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

struct ManyOptions {
  std::vector<std::string> ids;
  ListOptions list;
  bool all_parked{};
};

std::string many_body(const ManyOptions& many, std::size_t first, const std::string& after) {
  json::Writer out;
  out.begin_object();
  if (many.list.state.empty()) {
    out.key("jobs").begin_array();
    for (std::size_t i = first; i < std::min(first + page_max, many.ids.size()); ++i) {
      out.string(many.ids[i]);
    }
    out.end_array();
  } else {
    out.key("filter").begin_object().member("state", many.list.state);
    if (!many.list.kind.empty()) {
      out.member("kind", many.list.kind);
    }
    if (!many.list.subject.empty()) {
      out.member("subject", many.list.subject);
    }
    out.end_object().member("limit", page_max);
    if (!after.empty()) {
      out.member("after", after);
    }
  }
  out.end_object();
  return std::move(out).take();
}

struct Changes {
  std::size_t changed{};
  Rows refused{{"JOB", "WHY NOT"}};

  void add(const object& answer) {
    changed += answer.at("changed").to_number<std::size_t>();
    for (const auto& item : answer.at("results").as_array()) {
      if (const auto* problem = item.as_object().if_contains("problem")) {
        refused.push_back({member(item.as_object(), "id"), member(problem->as_object(), "detail")});
      }
    }
  }
};

/// Page after page, until nothing is left. With --json each answer of the node is a line.
int change_many(const ClientOptions& options, const ManyOptions& many, std::string_view target, std::string_view done) {
  Changes changes;
  std::string after;
  std::size_t first = 0;
  do {
    const auto answer = ask(options, {"POST", std::string{target}, many_body(many, first, after)});
    if (const auto* failed = std::get_if<int>(&answer)) {
      return *failed;
    }
    const Heard& heard = std::get<Heard>(answer);
    if (options.json) {
      std::cout << heard.text << '\n';
    }
    changes.add(heard.members());
    const bool moves_on = member(heard.members(), "next") != after;
    after = moves_on ? member(heard.members(), "next") : "";
    first += page_max;
  } while (!after.empty() || (many.list.state.empty() && first < many.ids.size()));
  if (!options.json) {
    std::cout << fmt::format("{} {}, {} refused\n", changes.changed, done, changes.refused.size() - 1);
    if (changes.refused.size() > 1) {
      print_table(changes.refused);
    }
  }
  return changes.refused.size() > 1 ? node::exit_failed : node::exit_done;
}

/// Either ids, or a filter with a state.
void check(const ManyOptions& many) {
  if (many.ids.empty() == many.list.state.empty()) {
    throw CLI::ValidationError("which jobs", "name them by their ids, or all that are in one state");
  }
  if (!many.ids.empty() && !(many.list.kind.empty() && many.list.subject.empty())) {
    throw CLI::ValidationError("--kind, --subject", "go with a state, not with ids");
  }
}

} // namespace

int jobs(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  ListOptions list;
  app.add_option("--state", list.state, "In this state only")->check(CLI::IsMember(open_states));
  declare_filter(app, list);
  declare_page(app, list);
  describe(app, "jobs", "Lists jobs that are open, in whatever state, and parked ones.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  return show_list(options, list, jobs_table);
}

int parked(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  ListOptions list;
  list.state = "parked";
  declare_filter(app, list);
  declare_page(app, list);
  describe(app, "parked", "Lists jobs that are out of attempts and were set aside. `turnwise retry` sends them to work again.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  return show_list(options, list, jobs_table);
}

int holds(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  ListOptions list;
  app.add_option("--subject", list.subject, "Of this subject only");
  declare_page(app, list);
  describe(app, "holds", "Lists holds: who has a turn of which subject without a job, and who waits for one.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  return show_list(options, list,
                   {"/v1/holds",
                    "holds",
                    {"HOLD", "SUBJECT", "STATE", "OWNER", "SINCE", "EXPIRES"},
                    {"id", "subject", "state", "owner", "since", "expires_at"}});
}

int history(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  ListOptions list;
  std::string subject;
  list.limit = 20;
  app.add_option("subject", subject, "The subject, like artifact:123")->required();
  declare_page(app, list);
  describe(app, "history", "Lists the finished jobs of a subject, newest first, as far as the journal reaches back.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  const std::string path = fmt::format("/v1/subjects/{}/history", client::percent_encode(subject));
  return show_list(options, list,
                   {path,
                    "jobs",
                    {"JOB", "KIND", "STATE", "ATTEMPT", "SUBMITTED", "FINISHED", "FAILURE"},
                    {"id", "kind", "state", "attempt", "submitted_at", "finished_at", "failure"},
                    100});
}

int retry(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  ManyOptions many;
  app.add_option("id", many.ids, "The jobs");
  auto* state = app.add_option("--state", many.list.state, "Or all that are in this state");
  state->check(CLI::IsMember({"scheduled", "retrying", "halted", "parked"}));
  app.add_flag("--all-parked", many.all_parked, "The same as --state parked")->excludes(state);
  declare_filter(app, many.list);
  describe(app, "retry",
           "Sends jobs to work now: parked, halted, backing off, or scheduled. Each takes the place of its number\n"
           "among those of its subject that wait; they run one after the other.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  many.list.state = many.all_parked ? "parked" : many.list.state;
  check(many);
  return change_many(options, many, "/v1/jobs/retry", "sent to work");
}

int cancel(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  ManyOptions many;
  app.add_option("id", many.ids, "The jobs");
  app.add_option("--state", many.list.state, "Or all that are in this state")->check(CLI::IsMember(open_states));
  declare_filter(app, many.list);
  describe(app, "cancel", "Cancels jobs; those that run are asked to stop.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  check(many);
  return change_many(options, many, "/v1/jobs/cancel", "cancelled or asked to stop");
}

} // namespace turnwise::cli
