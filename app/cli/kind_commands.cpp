// turnwise kinds and kind: what is set for the kinds of jobs.
#include <algorithm>
#include <array>
#include <charconv>
#include <iostream>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "app/cli/client_calls.hpp"
#include "app/cli/parse.hpp"
#include "app/client/url.hpp"
#include "app/node/run.hpp"

namespace turnwise::cli {
namespace {

using boost::json::object;

constexpr std::array<std::string_view, 13> settable{
    "max_attempts", "on_failure",     "timeout",  "lease",        "concurrency", "backoff.initial", "backoff.factor",
    "backoff.max",  "backoff.jitter", "push.url", "push.timeout", "push.secret", "push.rotate"};

std::string target_of(std::string_view kind) {
  return fmt::format("/v1/kinds/{}", client::percent_encode(kind));
}

const object& object_of(const object& parent, std::string_view name) {
  static const object none;
  const auto* value = parent.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : none;
}

// ── Showing ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

std::string pause_text(const object& kind) {
  const object& pause = object_of(kind, "pause");
  return pause.empty() ? ""
                       : fmt::format("by {} since {}: {}", member(pause, "by"), member(pause, "since"), member(pause, "why"));
}

void print_push(const object& kind) {
  const object& push = object_of(object_of(kind, "settings"), "push");
  if (push.empty()) {
    return;
  }
  std::cout << fmt::format("{:<16} {} within {}\n", "push", member(push, "url"), member(push, "timeout"));
  for (const auto& item : kind.at("push_secrets").as_array()) {
    const object& secret = item.as_object();
    const auto until = member(secret, "until");
    std::cout << fmt::format("{:<16} {}{}\n", "push secret", member(secret, "id"), until.empty() ? "" : " until " + until);
  }
  if (kind.contains("new_secret")) {
    std::cout << fmt::format("{:<16} {}  (keep it: it is not shown again)\n", "new secret", member(kind, "new_secret"));
  }
}

void print_kind(const object& kind) {
  print_members(kind, {"kind", "revision", "running", "waiting", "runs_here"});
  const object& settings = object_of(kind, "settings");
  print_members(settings, {"concurrency"});
  const object& policy = object_of(kind, "policy");
  for (const std::string_view name : {"max_attempts", "backoff", "on_failure", "timeout", "lease"}) {
    if (policy.contains(name)) {
      std::cout << fmt::format("{:<16} {}{}\n", name, member(policy, name), settings.contains(name) ? "" : "  (default)");
    }
  }
  print_push(kind);
  if (const auto pause = pause_text(kind); !pause.empty()) {
    std::cout << fmt::format("{:<16} {}\n", "paused", pause);
  }
}

void print_kinds(const object& answer) {
  std::vector<std::vector<std::string>> rows{
      {"KIND", "RUNNING", "WAITING", "LIMIT", "ATTEMPTS", "ON FAILURE", "LEASE", "TIMEOUT", "HERE", "PAUSED"}};
  const auto dash = [](std::string text) { return text.empty() ? "-" : std::move(text); };
  for (const auto& item : answer.at("kinds").as_array()) {
    const object& kind = item.as_object();
    const object& policy = object_of(kind, "policy");
    rows.push_back({member(kind, "kind"), member(kind, "running"), member(kind, "waiting"),
                    dash(member(object_of(kind, "settings"), "concurrency")), member(policy, "max_attempts"),
                    member(policy, "on_failure"), member(policy, "lease"), dash(member(policy, "timeout")),
                    dash(member(kind, "runs_here")), dash(pause_text(kind))});
  }
  print_table(rows);
}

// ── Changing ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

void check_member(std::string_view option, std::string_view name) {
  if (std::ranges::find(settable, name) == settable.end() && name != "backoff" && name != "push") {
    throw CLI::ValidationError(std::string{option},
                               fmt::format("there is no {}; a kind has {}", name, fmt::join(settable, ", ")));
  }
}

/// A number where the text is one: the node says what it does not like.
boost::json::value value_of(std::string_view text) {
  const char* const end = text.data() + text.size();
  if (std::int64_t whole = 0; std::from_chars(text.data(), end, whole) == std::from_chars_result{end, std::errc{}}) {
    return whole;
  }
  if (double number = 0; std::from_chars(text.data(), end, number) == std::from_chars_result{end, std::errc{}}) {
    return number;
  }
  return boost::json::string{text.data(), text.size()};
}

struct Changes {
  std::vector<std::string> set;   // member=value
  std::vector<std::string> unset; // member
  [[nodiscard]] bool empty() const { return set.empty() && unset.empty(); }
};

void check(const Changes& changes) {
  for (const std::string& setting : changes.set) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) {
      throw CLI::ValidationError("--set", "must be MEMBER=VALUE, like concurrency=3");
    }
    check_member("--set", std::string_view{setting}.substr(0, equals));
  }
  for (const std::string& name : changes.unset) {
    check_member("--unset", name);
  }
}

/// The object that a member like backoff.initial is in; made when it is not there.
std::pair<object*, std::string_view> place_of(object& settings, std::string_view name) {
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) {
    return {&settings, name};
  }
  auto& nested = settings[boost::json::string_view{name.data(), dot}];
  if (!nested.is_object()) {
    nested = object{};
  }
  return {&nested.get_object(), name.substr(dot + 1)};
}

std::string changed(object settings, const Changes& changes) {
  for (const std::string& name : changes.unset) {
    const auto [in, last] = place_of(settings, name);
    in->erase(boost::json::string_view{last.data(), last.size()});
  }
  if (object_of(settings, "backoff").empty()) {
    settings.erase("backoff"); // an empty one would set its defaults
  }
  for (const std::string& setting : changes.set) {
    const auto equals = setting.find('=');
    const auto [in, last] = place_of(settings, std::string_view{setting}.substr(0, equals));
    (*in)[boost::json::string_view{last.data(), last.size()}] = value_of(std::string_view{setting}.substr(equals + 1));
  }
  return boost::json::serialize(settings);
}

} // namespace

int kinds(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  describe(app, "kinds", "Lists the kinds of jobs: how many run and wait, what is set for them, who has stopped them.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  return make_call(options, {"GET", "/v1/kinds"}, print_kinds);
}

int kind(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  std::string name;
  Changes changes;
  app.add_option("kind", name, "The kind, like build_coverage")->required();
  app.add_option("--set", changes.set, fmt::format("MEMBER=VALUE, may be repeated; members: {}", fmt::join(settable, ", ")))
      ->allow_extra_args(false);
  app.add_option("--unset", changes.unset, "A member that is to be as Turnwise has it, may be repeated")
      ->allow_extra_args(false);
  describe(app, "kind", "Shows a kind of jobs, or changes what is set for it: how its jobs are tried, how many run at a time.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  check(changes);
  if (changes.empty()) {
    return make_call(options, {"GET", target_of(name)}, print_kind);
  }
  const auto answer = ask(options, {"GET", target_of(name)});
  if (const auto* failed = std::get_if<int>(&answer)) {
    return *failed;
  }
  // What somebody else sets meanwhile is not undone: the node refuses then.
  const object& present = std::get<Heard>(answer).members();
  const std::vector<client::Header> only{{"If-Match", fmt::format("\"{}\"", member(present, "revision"))}};
  return make_call(options, {"PUT", target_of(name), changed(object_of(present, "settings"), changes), only}, print_kind);
}

} // namespace turnwise::cli
