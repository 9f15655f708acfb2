// Tokens as rows: what nodes are told, and what whoever gives them out can do.
#include "storage/tokens.hpp"

#include "storage/postgres/store.hpp"
#include "tests/storage/backend.hpp"

#include <algorithm>

namespace turnwise::storage {
namespace {

using std::chrono::hours;

model::Token token(std::string id, model::Scopes scopes = {model::Scope::submit, model::Scope::work}) {
  model::Token made{std::move(id), "ann", scopes, {}, std::nullopt};
  made.secret_hash.fill(0xab);
  made.secret_hash[0] = 0x01;
  return made;
}

/// A database and how a node sees it.
struct Scene {
  Backend backend = postgres_backend();
  std::unique_ptr<Ownership> node = backend.store->open_ownership();
  const std::string& where = backend.database->connection();

  TokensRead read(std::uint64_t known = 0) const {
    const auto tokens = node->tokens(known);
    REQUIRE(tokens.ok());
    REQUIRE(tokens->has_value());
    return **tokens;
  }
  [[nodiscard]] bool nothing_new(std::uint64_t known) const {
    const auto tokens = node->tokens(known);
    REQUIRE(tokens.ok());
    return !tokens->has_value();
  }
};

TEST_CASE("a node reads the tokens that were made, by their ids, and again only after a change", "[postgres]") {
  const Scene scene;
  const auto none = scene.read();
  CHECK(none.tokens.empty());
  CHECK(scene.nothing_new(none.version));

  REQUIRE(add_token(scene.where, token("bbbbbbbb"), hours{1}).ok());
  REQUIRE(add_token(scene.where, token("aaaaaaaa", {model::Scope::admin}), std::nullopt).ok());
  const auto two = scene.read(none.version);
  REQUIRE(two.tokens.size() == 2);
  CHECK(two.tokens[0] == token("aaaaaaaa", {model::Scope::admin}));
  CHECK(two.tokens[1].id == "bbbbbbbb");
  CHECK(two.tokens[1].expires_at.has_value());
  CHECK(scene.nothing_new(two.version));
}

TEST_CASE("tokens that are revoked or expired are not told to nodes", "[postgres]") {
  const Scene scene;
  REQUIRE(add_token(scene.where, token("aaaaaaaa"), std::nullopt).ok());
  REQUIRE(add_token(scene.where, token("bbbbbbbb"), hours{1}).ok());
  const auto before = scene.read();
  REQUIRE(revoke_token(scene.where, "aaaaaaaa").ok());
  scene.backend.database->query("UPDATE turnwise.token SET expires_at = now() - interval '1 hour' WHERE id = 'bbbbbbbb'");
  CHECK(scene.read(before.version).tokens.empty());
}

TEST_CASE("the list shows every token with what became of it, and never a hash", "[postgres]") {
  const Scene scene;
  REQUIRE(add_token(scene.where, token("aaaaaaaa"), std::nullopt).ok());
  REQUIRE(add_token(scene.where, token("bbbbbbbb"), std::nullopt).ok());
  REQUIRE(revoke_token(scene.where, "bbbbbbbb").ok());
  REQUIRE(revoke_token(scene.where, "bbbbbbbb").ok()); // twice is as good as once
  const auto listed = list_tokens(scene.where);
  REQUIRE(listed.ok());
  REQUIRE(listed->size() == 2);
  CHECK((*listed)[0].token.id == "aaaaaaaa"); // good ones first
  CHECK_FALSE((*listed)[0].revoked_at);
  CHECK((*listed)[0].token.owner == "ann");
  CHECK((*listed)[0].token.secret_hash == model::SecretHash{});
  CHECK((*listed)[1].revoked_at.has_value());
  CHECK(revoke_token(scene.where, "cccccccc").error().code == model::Errc::not_found);
}

TEST_CASE("there are not more good tokens than a node keeps", "[postgres]") {
  const Scene scene;
  scene.backend.database->query(
      "INSERT INTO turnwise.token (id, owner, scopes, secret_sha256) SELECT lpad(n::text, 8, '0'), 'x', "
      "ARRAY['work'], sha256('') FROM generate_series(1, 10000) AS n");
  const auto full = add_token(scene.where, token("aaaaaaaa"), std::nullopt);
  REQUIRE_FALSE(full.ok());
  CHECK(full.error().code == model::Errc::backlog_full);
  REQUIRE(revoke_token(scene.where, "00000001").ok());
  CHECK(add_token(scene.where, token("aaaaaaaa"), std::nullopt).ok());
  CHECK(scene.read().tokens.size() == tokens_max);
  CHECK(std::ranges::is_sorted(scene.read().tokens, {}, &model::Token::id));
}

TEST_CASE("the role of a node reads tokens and makes none", "[postgres]") {
  const Scene scene;
  const std::string role = "turnwise_tokens_node";
  const auto& database = *scene.backend.database;
  database.query("DROP ROLE IF EXISTS " + role + "; CREATE ROLE " + role + " LOGIN");
  database.query("SELECT turnwise.grant_to_node_role('" + role + "')");
  REQUIRE(add_token(scene.where, token("aaaaaaaa"), std::nullopt).ok());
  const auto as_node = scene.where + " user=" + role;
  CHECK(open_postgres({.connection = as_node})->open_ownership()->tokens(0)->value().tokens.size() == 1);
  CHECK(add_token(as_node, token("bbbbbbbb"), std::nullopt).error().code == model::Errc::internal);
  CHECK(revoke_token(as_node, "aaaaaaaa").error().code == model::Errc::internal);
  CHECK(scene.read().tokens.size() == 1);
  database.query("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_CASE("a database without the table of tokens says what to do", "[postgres]") {
  const tests::TestDatabase database;
  CHECK(list_tokens(database.connection()).error().detail.find("turnwise migrate") != std::string::npos);
  const auto node = open_postgres({.connection = database.connection()})->open_ownership();
  CHECK(node->tokens(0).error().detail.find("turnwise migrate") != std::string::npos);
}

} // namespace
} // namespace turnwise::storage
