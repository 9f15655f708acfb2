#include "app/config/node_options.hpp"

#include <fstream>

#include <fmt/format.h>

#include "app/api/time_text.hpp"
#include "app/config/config_file.hpp"
#include "app/config/option_set.hpp"
#include "app/config/toml.hpp"
#include "app/handlers/runner.hpp"
#include "app/http/server.hpp"
#include "app/push/address_rules.hpp"
#include "model/subject.hpp"

namespace turnwise::config {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t node_name_bytes_max = 100; ///< with what stands before it, the name of a worker

constexpr std::string_view example_head = R"(# Configuration of a Turnwise node: every option with its text and default.
#
# Used with `turnwise serve --config FILE` or TURNWISE_CONFIG=FILE. Every option is also a flag (--http-threads 2) and a variable
# of the environment (TURNWISE_HTTP_THREADS=2); a flag wins over the environment, that over this file. Durations are texts like
# "1500ms", "10s", "5m", "24h". `turnwise serve --check` says what is in force and what is wrong.
)";

constexpr std::string_view example_tail = R"(
# ── Kinds that this node runs as commands ──
#
# The payload comes on stdin; TURNWISE_SUBJECT, TURNWISE_JOB, TURNWISE_ATTEMPT and TURNWISE_FENCING_TOKEN are in the environment.
# Exit status 0 is success, 65 a failure that is not retried, anything else one that is. There is no shell in between.
#
# [exec.build_coverage]
# command = ["/usr/local/bin/build-coverage", "--from-stdin"]
# timeout = "10m"      # longest run of one attempt; without it, as long as it takes
# concurrency = 1      # commands of this kind at a time
# grace = "5s"         # between SIGTERM and SIGKILL when it is to stop
)";

void declare_edges(OptionSet& set, NodeOptions& options, Database database) {
  set.section("Place");
  if (database == Database::given) {
    set.secret("database", options.database, "PostgreSQL, as a libpq connection string or URI");
  }
  set.text("listen", options.listen, "Address and port to listen on; the address also names the node's place in the cluster");
  set.flag(
      "insecure", options.insecure,
      "Listen on an address that other machines can reach, although requests need no token (auth = \"none\"): everybody there "
      "may do everything");
  set.text("node-name", options.engine.node_name, "Name of this node for people");

  set.section("Security");
  set.choice(
      "auth", options.auth,
      "Whether requests need a token, which `turnwise token create` makes; without, whoever reaches the node may do everything",
      {"none", "tokens"});
  set.text("tls-certificate", options.tls_certificate,
           "PEM file with the node's certificate and those that lead to a known one: it speaks https then, TLS 1.2 or newer");
  set.text("tls-key", options.tls_key, "PEM file with the key of that certificate, without a passphrase");
  set.text("admin-listen", options.admin_listen,
           "A second address, on which alone calls of operators are answered then: /metrics, pause, resume and the like");
  set.text("audit-log", options.audit_log,
           "File to which a line is appended for whatever an operator does; without, the lines go to the log");

  set.section("HTTP");
  set.number("http-threads", options.http_threads, "Threads that serve connections", 1U, 64U);
  set.number<std::size_t>("connections-max", options.connections_max,
                          "Connections at a time, or as many as file descriptors allow; further ones get 503", 10, 1'000'000);

  set.section("Log");
  set.choice("log-format", options.log.format, "Text for a person, or JSON lines for a machine", {"text", "json"});
  set.choice("log-level", options.log.level, "The least important lines that are written", {"debug", "info", "warn", "error"});
}

void declare_engine(OptionSet& set, actors::EngineConfig& engine) {
  set.section("Threads and connections to PostgreSQL");
  set.number<std::uint32_t>("scheduler-threads", engine.scheduler_threads, "Threads that run actors", 1, 256);
  set.number<std::uint32_t>("lanes", engine.lanes, "Connections that write the journal, each with a thread", 1, 16);
  set.number<std::uint32_t>("readers", engine.readers, "Connections that read the journal, each with a thread", 1, 16);

  set.section("Limits");
  set.number<std::uint64_t>("subject-backlog-max", engine.subject_backlog_max, "Open jobs of one subject; beyond: 429", 1,
                            100'000'000);
  set.number<std::uint64_t>("node-backlog-max", engine.node_backlog_max, "Open jobs of all shards of this node; beyond: 429", 1,
                            1'000'000'000);
  set.number<std::uint64_t>("lane-queue-rows-max", engine.lane_queue_rows_max,
                            "Records that wait for a commit, per lane; beyond: 503", 1, 10'000'000);
  set.number<std::uint64_t>("lane-queue-bytes-max", engine.lane_queue_bytes_max, "The same in bytes", 1U << 20U, 1ULL << 40U);
  set.number<std::uint64_t>("body-cache-bytes-max", engine.body_cache_bytes_max,
                            "Memory for payloads of jobs that are about to run", 0, 1ULL << 40U);
  set.number<std::uint32_t>("claims-waiting-max", engine.claims_waiting_max, "Long polls of workers at a time; beyond: 503", 1,
                            1'000'000);
  set.duration("idempotency-window", engine.idempotency_window, "How long an idempotency key is remembered", seconds{1},
               hours{24 * 30});
  set.duration("lease-min", engine.lease_min, "Shortest lease that a job or a worker may ask for", milliseconds{50}, hours{24});
  set.duration("guard-max", engine.guard_max,
               "How long a user's transaction may keep a turn from ending; then its session is ended", milliseconds{1},
               hours{24});

  set.section("Journal");
  set.number<std::uint64_t>("segment-rows-max", engine.segment_rows_max,
                            "A segment of the journal ends with about so many rows", 1'000, 1'000'000'000);
  set.duration("segment-age-max", engine.segment_age_max, "Or after so long, if it has rows worth it", minutes{1},
               hours{24 * 30});
  set.duration("journal-retention", engine.journal_retention,
               "How long finished jobs can be looked up: older segments are dropped. Not shorter than idempotency-window",
               minutes{1}, hours{24 * 365});
  set.number<std::uint64_t>("journal-bytes-max", engine.journal_bytes_max,
                            "The oldest segments are dropped earlier when all are larger than this; 0: never", 0, 1ULL << 50U);

  set.section("Cluster");
  set.duration("beat", engine.beat, "How often the node says that it lives", milliseconds{10}, seconds{10});
  set.duration("node-ttl", engine.node_ttl, "Silence after which others may declare the node dead; at least three beats",
               milliseconds{100}, minutes{10});
  set.duration("drain-max", engine.drain_max, "How long a node that was asked to stop lets running work go on", milliseconds{0},
               minutes{10});
  set.flag("allow-unsafe-durability", engine.allow_unsafe_durability,
           "Start although PostgreSQL says fsync=off or the like: acknowledged jobs may then be lost when the machine fails");
}

void declare_push(OptionSet& set, PushOptions& push) {
  set.section("Push");
  set.list("push-allow", push.allow,
           "Networks that jobs may be pushed to although they are not of the public internet, like 10.0.0.0/8; whoever may set "
           "the address of a kind can make this node talk to what is there");
  set.flag("push-http", push.http, "Push to http:// addresses, too: whoever is on the way can read the jobs");
  set.text("push-ca-file", push.ca_file,
           "PEM file with the certificate authorities that receivers are checked by; empty: the system's");
}

/// What is wrong with an address to listen on, if anything is.
void check_address(const NodeOptions& options, std::string_view name, const std::string& address,
                   std::vector<std::string>& faults) {
  const auto endpoint = http::parse_endpoint(address);
  if (!endpoint) {
    faults.push_back(fmt::format("{}: {}", name, endpoint.error().detail));
  } else if (!endpoint->is_loopback() && !options.asks_tokens() && !options.insecure) {
    faults.push_back(
        fmt::format("{}: {} can be reached from other machines, and requests need no token; say auth = \"tokens\", "
                    "listen on 127.0.0.1, or say --insecure if everybody who reaches it may do everything",
                    name, address));
  }
}

std::string exec_toml(const handlers::ExecKind& exec) {
  std::vector<std::string> words;
  for (const auto& word : exec.argv) {
    words.push_back(toml_string(word));
  }
  return fmt::format("\n[exec.{}]\ncommand = [{}]\n{}concurrency = {}\ngrace = \"{}\"\n", toml_string(exec.kind),
                     fmt::join(words, ", "),
                     exec.timeout.count() == 0 ? "" : fmt::format("timeout = \"{}\"\n", api::to_text(exec.timeout)),
                     exec.concurrency, api::to_text(exec.grace));
}

} // namespace

OptionSet declare_node_options(CLI::App& app, NodeOptions& options, Database database) {
  OptionSet set(app);
  declare_edges(set, options, database);
  declare_engine(set, options.engine);
  declare_push(set, options.push);
  read_file_too(app, options.exec);
  return set;
}

std::vector<std::string> validate(const NodeOptions& options) {
  auto faults = actors::validate(options.engine);
  if (const auto& name = options.engine.node_name; name.size() > node_name_bytes_max || !model::check_kind(name)) {
    faults.push_back(fmt::format("node-name must have 1 to {} bytes of UTF-8 without control characters", node_name_bytes_max));
  }
  check_address(options, "listen", options.listen, faults);
  if (!options.admin_listen.empty()) {
    check_address(options, "admin-listen", options.admin_listen, faults);
  }
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    faults.emplace_back("tls-certificate and tls-key go together: give both files or neither");
  }
  for (const auto& network : options.push.allow) {
    if (const auto parsed = push::parse_network(network); !parsed) {
      faults.push_back("push-allow: " + parsed.error().detail);
    }
  }
  if (const auto& file = options.push.ca_file; !file.empty() && !std::ifstream(file)) {
    faults.push_back(fmt::format("push-ca-file: {} cannot be read", file));
  }
  if (!options.exec.empty()) {
    for (auto& fault : handlers::validate(handlers::RunnerConfig{}, handlers::Handlers{options.exec, {}})) {
      faults.push_back("exec: " + std::move(fault));
    }
  }
  return faults;
}

std::string in_force(const OptionSet& set, const NodeOptions& options) {
  std::string out = set.toml();
  for (const auto& exec : options.exec) {
    out += exec_toml(exec);
  }
  return out;
}

std::string example_file() {
  CLI::App app;
  NodeOptions options;
  const OptionSet set = declare_node_options(app, options, Database::given);
  return fmt::format("{}{}{}", example_head, set.toml(), example_tail);
}

} // namespace turnwise::config
