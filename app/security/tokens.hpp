// app/security: who may do what, and what operators did. This file: tokens as texts, and the check of those that requests
// bring.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "actors/engine.hpp"
#include "app/http/entrance.hpp"
#include "model/token.hpp"

namespace turnwise::security {

/// A token that was just made: its secret is never seen again.
struct NewToken {
  model::Token token;
  std::string text; ///< "id.secret": 64 and 256 random bits, in hexadecimal
};
/// @returns internal when the system has no random bits to give
model::Result<NewToken> make_token(std::string owner, model::Scopes scopes);

model::SecretHash hash_of(std::string_view secret);

/// The good token with this text. Takes as long for an unknown id as for a wrong secret, and tells nothing about how much of a
/// secret is right: a hash is computed and compared as a whole in any case.
/// @param tokens  by id, ascending
/// @param now     tokens that have expired by then are none
const model::Token* find_token(const model::Tokens& tokens, std::string_view text, model::WallTime now);

/// Compares `Authorization: Bearer …` with the tokens that the engine keeps at hand. Thread-safe.
class TokenCheck final : public http::Gatekeeper {
public:
  /// `engine` outlives it.
  explicit TokenCheck(const actors::Engine& engine) : engine_(engine) {}
  [[nodiscard]] model::Result<http::Caller> identify(std::string_view authorization) const override;

private:
  const actors::Engine& engine_;
};

} // namespace turnwise::security
