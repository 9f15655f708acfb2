// turnwise pause, resume and hold: turns that people and scripts take or stop.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/api/time_text.hpp"
#include "app/cli/client_calls.hpp"
#include "app/cli/parse.hpp"
#include "app/client/url.hpp"
#include "app/json/writer.hpp"
#include "app/node/run.hpp"

namespace turnwise::cli {
namespace {

using boost::json::object;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds look_gap{20};
constexpr int command_not_found = 127;

/// Who does this, unless an option says so.
std::string user_name() {
  const char* name = std::getenv("USER");
  return name != nullptr && *name != '\0' ? name : "somebody";
}

std::string path_of(std::string_view subject, std::string_view verb) {
  return fmt::format("/v1/subjects/{}/{}", client::percent_encode(subject), verb);
}

/// A subject or a kind: which of the two is to be stopped or let go on.
struct Stopped {
  std::string subject, kind;

  [[nodiscard]] std::string path(std::string_view verb) const {
    if (subject.empty() == kind.empty()) {
      throw CLI::ValidationError("subject, --kind", "name a subject or a kind, one of the two");
    }
    return kind.empty() ? path_of(subject, verb) : fmt::format("/v1/kinds/{}/{}", client::percent_encode(kind), verb);
  }
};

void declare(CLI::App& app, Stopped& stopped) {
  app.add_option("subject", stopped.subject, "The subject, like artifact:123");
  app.add_option("--kind", stopped.kind, "Instead of a subject: all jobs of this kind, like build_coverage");
}

void print_pause(const object& answer) {
  print_members(answer, {"subject", "kind", "paused"});
  if (const auto* pause = answer.if_contains("pause"); pause != nullptr && pause->is_object()) {
    print_members(pause->get_object(), {"by", "why", "since"});
  }
}

// ── A turn for a command ─────────────────────────────────────────────────────────────────────────────────────────────────

struct HoldOptions {
  std::string subject, owner{user_name()}, ttl{"30s"}, wait{"30s"};
  bool skip{};
  std::vector<std::string> command;
};

std::string hold_body(const HoldOptions& options) {
  json::Writer out;
  out.begin_object().member("owner", options.owner).member("ttl", options.ttl);
  out.member("on_busy", options.skip ? "skip" : "wait");
  if (!options.skip) {
    out.member("wait", options.wait);
  }
  out.end_object();
  return std::move(out).take();
}

/// The child runs the command with the turn in its environment.
pid_t start(const HoldOptions& options, const std::string& token) {
  const pid_t child = fork();
  if (child != 0) {
    return child;
  }
  setenv("TURNWISE_SUBJECT", options.subject.c_str(), 1);
  setenv("TURNWISE_FENCING_TOKEN", token.c_str(), 1);
  std::vector<char*> arguments;
  for (const std::string& argument : options.command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  execvp(arguments.front(), arguments.data());
  std::cerr << fmt::format("turnwise: cannot run {}\n", options.command.front());
  std::_Exit(command_not_found);
}

/// Renews the hold until the command has ended. When the turn is lost the command is asked to stop, and waited for.
/// @returns the status of wait()
int attend(pid_t child, const ClientOptions& options, const Call& renewal, milliseconds ttl) {
  auto renew_at = steady_clock::now() + ttl / 3;
  auto lost_at = steady_clock::now() + ttl;
  bool lost = false;
  for (int status = 0;;) {
    if (waitpid(child, &status, WNOHANG) == child) {
      return status;
    }
    usleep(static_cast<useconds_t>(std::chrono::microseconds{look_gap}.count()));
    if (lost || steady_clock::now() < renew_at) {
      continue;
    }
    const auto sent = steady_clock::now(); // the ttl counts from here
    renew_at = sent + ttl / 3;
    const bool renewed = std::holds_alternative<Heard>(ask(options, renewal));
    lost_at = renewed ? sent + ttl : lost_at;
    if (steady_clock::now() + ttl / 3 >= lost_at) { // no time for another try
      std::cerr << "turnwise: the turn is lost; the command is asked to stop\n";
      kill(child, SIGTERM);
      lost = true;
    }
  }
}

int run_held(const HoldOptions& hold, const ClientOptions& options, const object& granted) {
  const std::string id = member(granted, "id");
  const std::string token = member(granted, "fencing_token");
  const auto ttl = api::parse_duration(hold.ttl);
  const std::vector<client::Header> fence{{"If-Match", fmt::format("\"{}\"", token)}};
  const std::string target = fmt::format("/v1/holds/{}", client::percent_encode(id));
  const pid_t child = start(hold, token);
  if (child < 0) {
    std::cerr << "turnwise: cannot start another process\n";
    return node::exit_failed;
  }
  const int status = attend(child, options, {"PATCH", target, "{}", fence}, ttl.value_or(milliseconds{3'000}));
  static_cast<void>(ask(options, {"DELETE", target, "", fence})); // its ttl ends it otherwise
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

int pause(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  Stopped stopped;
  std::string by = user_name();
  std::string why;
  declare(app, stopped);
  app.add_option("--why", why, "Why, for those who will ask")->required();
  app.add_option("--by", by, "Who")->capture_default_str();
  describe(app, "pause", "Stops a subject or a kind: what runs goes on to its end, nothing else starts.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  json::Writer out;
  out.begin_object().member("by", by).member("why", why).end_object();
  return make_call(options, {"POST", stopped.path("pause"), std::move(out).take()}, print_pause);
}

int resume(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  Stopped stopped;
  std::string by = user_name();
  declare(app, stopped);
  app.add_option("--by", by, "Who")->capture_default_str();
  describe(app, "resume", "Lets a paused subject or kind go on.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  json::Writer out;
  out.begin_object().member("by", by).end_object();
  return make_call(options, {"POST", stopped.path("resume"), std::move(out).take()}, print_pause);
}

int hold(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  HoldOptions hold;
  app.add_option("subject", hold.subject, "The subject, like artifact:123")->required();
  app.add_option("--ttl", hold.ttl, "The turn ends when this process has been silent for so long")->capture_default_str();
  auto* wait = app.add_option("--wait", hold.wait, "How long to wait for the turn, at most 30s")->capture_default_str();
  app.add_flag("--skip", hold.skip, "Do not wait when the subject is busy")->excludes(wait);
  app.add_option("--owner", hold.owner, "Who has the turn, for the people who look")->capture_default_str();
  app.add_option("command", hold.command, "The command, after --")->required();
  declare(app, options);
  describe(
      app, "hold", "Takes a turn of a subject, runs a command, and gives the turn back.",
      "The command finds TURNWISE_SUBJECT and TURNWISE_FENCING_TOKEN in its environment. The turn is renewed while it runs; "
      "when the turn\nis lost, the command is asked to stop (SIGTERM).\n"
      "Exit status: that of the command; 1 when the subject was busy for as long as it waited, or the node refused.");
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  const auto wait_for = api::parse_duration(hold.wait);
  if (!api::parse_duration(hold.ttl) || !wait_for) {
    throw CLI::ValidationError("--ttl, --wait", fmt::format("must be {}", api::duration_form));
  }
  const Call call{"POST", path_of(hold.subject, "holds"), hold_body(hold), {}, *wait_for};
  const auto answer = ask(options, call);
  if (const auto* failed = std::get_if<int>(&answer)) {
    return *failed;
  }
  return run_held(hold, options, std::get<Heard>(answer).members());
}

} // namespace turnwise::cli
