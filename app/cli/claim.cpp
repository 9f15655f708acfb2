// turnwise claim: a worker by hand, for trying things out and for shell scripts.
#include <iostream>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "app/api/time_text.hpp"
#include "app/cli/client_calls.hpp"
#include "app/cli/parse.hpp"
#include "app/client/url.hpp"
#include "app/json/writer.hpp"
#include "app/node/run.hpp"

namespace turnwise::cli {
namespace {

using boost::json::object;

struct ClaimOptions {
  std::string worker{"turnwise-cli"};
  std::vector<std::string> kinds;
  std::uint32_t max{1};
  std::string lease;
  std::string wait{"0s"};
  std::string complete, fail, heartbeat, release; // receipts
  std::string result;
  std::string error{"failed by hand"};
  bool no_retry{};
};

void declare(CLI::App& app, ClaimOptions& options) {
  app.add_option("--worker", options.worker, "Name of this worker")->capture_default_str();
  app.add_option("--kind", options.kinds, "A kind that this worker runs; may be given several times");
  app.add_option("--max", options.max, "Turns at most")->capture_default_str();
  app.add_option("--lease", options.lease, "How long this worker may be silent");
  app.add_option("--wait", options.wait, "How long to wait for a turn, at most 30s")->capture_default_str();
  auto* complete = app.add_option("--complete", options.complete, "The attempt of this receipt succeeded");
  auto* fail = app.add_option("--fail", options.fail, "The attempt of this receipt failed");
  auto* heartbeat = app.add_option("--heartbeat", options.heartbeat, "Extend the lease of this receipt");
  auto* release = app.add_option("--release", options.release, "Give the attempt of this receipt back unused");
  complete->excludes(fail)->excludes(heartbeat)->excludes(release);
  fail->excludes(heartbeat)->excludes(release);
  heartbeat->excludes(release);
  app.add_option("--result", options.result, "With --complete: JSON; @FILE reads a file, - reads stdin")->needs(complete);
  app.add_option("--error", options.error, "With --fail: what went wrong")->needs(fail);
  app.add_flag("--no-retry", options.no_retry, "With --fail: another attempt would fail as well")->needs(fail);
}

/// The call about a receipt, if one was given.
std::optional<Call> verdict(const ClaimOptions& options) {
  auto target = [](const std::string& receipt, std::string_view verb) {
    return fmt::format("/v1/claims/{}/{}", client::percent_encode(receipt), verb);
  };
  if (!options.complete.empty()) {
    return Call{"POST", target(options.complete, "complete"),
                options.result.empty() ? "" : fmt::format("{{\"result\":{}}}", json_argument(options.result))};
  }
  if (!options.fail.empty()) {
    json::Writer out;
    out.begin_object().member("error", options.error).member("retry", !options.no_retry).end_object();
    return Call{"POST", target(options.fail, "fail"), std::move(out).take()};
  }
  if (!options.heartbeat.empty()) {
    return Call{"POST", target(options.heartbeat, "heartbeat")};
  }
  if (!options.release.empty()) {
    return Call{"POST", target(options.release, "release")};
  }
  return std::nullopt;
}

Call claim_call(const ClaimOptions& options) {
  const auto wait = api::parse_duration(options.wait);
  if (!wait) {
    throw CLI::ValidationError("--wait", fmt::format("must be {}", api::duration_form));
  }
  json::Writer out;
  out.begin_object().member("worker", options.worker).member("max", options.max).member("wait", options.wait);
  if (!options.lease.empty()) {
    out.member("lease", options.lease);
  }
  out.key("kinds").begin_array();
  for (const auto& kind : options.kinds) {
    out.string(kind);
  }
  out.end_array().end_object();
  Call call{"POST", "/v1/claims", std::move(out).take()};
  call.wait = *wait;
  call.opaque_depth = 3;
  return call;
}

const boost::json::array* claims_of(const object& answer) {
  const auto* claims = answer.if_contains("claims");
  return claims != nullptr && claims->is_array() ? &claims->get_array() : nullptr;
}

void print_claims(const object& answer) {
  const auto* claims = claims_of(answer);
  if (claims == nullptr || claims->empty()) {
    std::cout << "no turn to be had\n";
    return;
  }
  for (const auto& claim : *claims) {
    print_members(claim.get_object(), {"receipt", "job", "subject", "kind", "attempt", "fencing_token", "lease",
                                       "lease_expires_at", "metadata", "payload"});
    std::cout << '\n';
  }
}

} // namespace

int claim(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  ClaimOptions claim;
  declare(app, claim);
  describe(app, "claim",
           "Claims turns as a worker, or says what became of one: --complete, --fail, --heartbeat, --release RECEIPT.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  if (const auto call = verdict(claim)) {
    return make_call(options, *call, [](const object& answer) {
      print_members(answer, {"state", "retry_at", "lease", "cancel"});
    });
  }
  return make_call(options, claim_call(claim), print_claims, [](const object& answer) {
    const auto* claims = claims_of(answer);
    return claims == nullptr || claims->empty() ? int{exit_nothing} : int{node::exit_done};
  });
}

} // namespace turnwise::cli
