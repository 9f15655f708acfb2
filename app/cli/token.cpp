// turnwise token: makes, shows and revokes tokens. It writes to the database, since the first token is needed before any node
// lets anybody in.
#include <iostream>

#include <fmt/format.h>

#include "app/api/time_text.hpp"
#include "app/cli/client_calls.hpp"
#include "app/cli/parse.hpp"
#include "app/config/option_set.hpp"
#include "app/json/writer.hpp"
#include "app/node/run.hpp"
#include "app/security/tokens.hpp"
#include "model/limits.hpp"
#include "model/subject.hpp"
#include "storage/tokens.hpp"

namespace turnwise::cli {
namespace {

struct TokenOptions {
  std::string action, id, database{"postgresql:///turnwise"};
  std::string owner, scopes, expires;
  bool json{};
};

constexpr std::string_view footer =
    "scopes: submit (bring jobs in, cancel and retry them), work (take turns and holds, say what became of them),\n"
    "admin (everything, also what operators do); each also allows to look. Of one owner there may be several: give out\n"
    "the new one, then revoke the old one. Nodes see a change within about two seconds. Exit status as of `turnwise migrate`.";

int failed(const model::Error& error) {
  std::cerr << "turnwise: " << error.detail << '\n';
  return node::exit_failed;
}

int usage(std::string_view what) {
  std::cerr << "turnwise: " << what << '\n';
  return node::exit_usage;
}

int create(const TokenOptions& options) {
  const auto scopes = model::parse_scopes(options.scopes);
  if (!scopes) {
    return usage("--scope is submit, work or admin, or several with commas between, like submit,work");
  }
  if (!model::check_kind(options.owner) || options.owner.size() > model::token_owner_bytes_max) {
    return usage(
        fmt::format("--owner says who gets the token: 1 to {} bytes without control characters", model::token_owner_bytes_max));
  }
  const auto lifetime = options.expires.empty() ? std::nullopt : api::parse_duration(options.expires);
  if (!options.expires.empty() && (!lifetime || lifetime->count() == 0)) {
    return usage(fmt::format("--expires must be {}", api::duration_form));
  }
  const auto made = security::make_token(options.owner, *scopes);
  if (!made) {
    return failed(made.error());
  }
  if (const auto added = storage::add_token(options.database, made->token, lifetime); !added) {
    return failed(added.error());
  }
  if (options.json) {
    json::Writer out;
    out.begin_object().member("id", made->token.id).member("owner", options.owner);
    out.member("scopes", to_string(*scopes)).member("token", made->text).end_object();
    std::cout << std::move(out).take() << '\n';
  } else {
    std::cout << made->text << '\n';
    std::cerr << "This is shown once. Clients send it as Authorization: Bearer, `turnwise` takes it from TURNWISE_TOKEN.\n";
  }
  return node::exit_done;
}

std::string state_of(const storage::ListedToken& listed) {
  return listed.revoked_at ? "revoked" : listed.expired ? "expired" : "good";
}

std::string time_or_none(const std::optional<model::WallTime>& time) {
  return time ? api::to_text(*time) : "-";
}

std::string as_json(const std::vector<storage::ListedToken>& tokens) {
  json::Writer out;
  out.begin_object().key("tokens").begin_array();
  for (const auto& listed : tokens) {
    out.begin_object().member("id", listed.token.id).member("owner", listed.token.owner);
    out.member("scopes", to_string(listed.token.scopes)).member("state", state_of(listed));
    out.member("created_at", api::to_text(listed.created_at)).member("created_by", listed.created_by);
    if (listed.token.expires_at) {
      out.member("expires_at", api::to_text(*listed.token.expires_at));
    }
    if (listed.revoked_at) {
      out.member("revoked_at", api::to_text(*listed.revoked_at));
    }
    out.end_object();
  }
  out.end_array().end_object();
  return std::move(out).take();
}

int list(const TokenOptions& options) {
  const auto tokens = storage::list_tokens(options.database);
  if (!tokens) {
    return failed(tokens.error());
  }
  if (options.json) {
    std::cout << as_json(*tokens) << '\n';
    return node::exit_done;
  }
  std::vector<std::vector<std::string>> rows{{"ID", "OWNER", "SCOPES", "STATE", "CREATED", "BY", "EXPIRES", "REVOKED"}};
  for (const auto& listed : *tokens) {
    rows.push_back({listed.token.id, listed.token.owner, to_string(listed.token.scopes), state_of(listed),
                    api::to_text(listed.created_at), listed.created_by, time_or_none(listed.token.expires_at),
                    time_or_none(listed.revoked_at)});
  }
  print_table(rows);
  return node::exit_done;
}

int revoke(const TokenOptions& options) {
  if (options.id.empty()) {
    return usage("say which token: turnwise token revoke ID");
  }
  const auto id = options.id.substr(0, options.id.find('.')); // a whole token will do
  if (const auto revoked = storage::revoke_token(options.database, id); !revoked) {
    return failed(revoked.error());
  }
  std::cout << "revoked\n";
  return node::exit_done;
}

} // namespace

int token(const Arguments& arguments) {
  CLI::App app;
  config::OptionSet set(app);
  TokenOptions options;
  app.add_option("action", options.action, "What to do")->required()->check(CLI::IsMember({"create", "list", "revoke"}));
  app.add_option("id", options.id, "With revoke: which one");
  set.section("Place");
  set.secret("database", options.database,
             "PostgreSQL, as a libpq connection string or URI; the role must own the schema, as for `turnwise migrate`");
  app.add_option("--owner", options.owner, "With create: who gets it; turns belong to owners");
  app.add_option("--scope", options.scopes, "With create: what it allows");
  app.add_option("--expires", options.expires, "With create: for how long, like 90d; without, until it is revoked");
  app.add_flag("--json", options.json, "Print JSON, for scripts");
  describe(app, "token", "Makes a token for the HTTP API, lists them, or revokes one.", footer);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  return options.action == "create" ? create(options) : options.action == "list" ? list(options) : revoke(options);
}

} // namespace turnwise::cli
