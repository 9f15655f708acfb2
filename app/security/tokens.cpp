#include "app/security/tokens.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "app/text.hpp"

namespace turnwise::security {
namespace {

using model::Errc;
using model::Error;

constexpr std::size_t id_bytes = 8;
constexpr std::size_t secret_bytes = 32;
constexpr std::string_view scheme = "Bearer ";

std::string hexadecimal(std::span<const unsigned char> bytes) {
  std::string text;
  for (const auto byte : bytes) {
    fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  }
  return text;
}

/// The text after the scheme; empty when it is of another one.
std::string_view bearer_token(std::string_view authorization) {
  if (authorization.size() < scheme.size() || !equal_ignoring_case(authorization.substr(0, scheme.size()), scheme)) {
    return {};
  }
  return trim(authorization.substr(scheme.size()), " ");
}

} // namespace

model::Result<NewToken> make_token(std::string owner, model::Scopes scopes) {
  std::array<unsigned char, id_bytes> id{};
  std::array<unsigned char, secret_bytes> secret{};
  if (RAND_bytes(id.data(), id.size()) != 1 || RAND_bytes(secret.data(), secret.size()) != 1) {
    return Error{Errc::internal, "the system has no random numbers to make a token of", ""};
  }
  const auto word = hexadecimal(secret);
  NewToken made{{hexadecimal(id), std::move(owner), scopes, hash_of(word), std::nullopt}, ""};
  made.text = made.token.id + "." + word;
  return made;
}

model::SecretHash hash_of(std::string_view secret) {
  model::SecretHash hash{};
  static_assert(std::tuple_size_v<model::SecretHash> == SHA256_DIGEST_LENGTH);
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), hash.data());
  return hash;
}

const model::Token* find_token(const model::Tokens& tokens, std::string_view text, model::WallTime now) {
  static const model::Token nobody{}; // compared with when there is no such id; its hash is that of no secret
  const auto dot = std::min(text.find('.'), text.size());
  const auto id = text.substr(0, dot);
  const auto hash = hash_of(text.substr(std::min(dot + 1, text.size())));
  const auto place = std::ranges::lower_bound(tokens, id, {}, [](const auto& token) { return std::string_view{token.id}; });
  const bool known = place != tokens.end() && place->id == id;
  const model::Token& token = known ? *place : nobody;
  const bool right = CRYPTO_memcmp(token.secret_hash.data(), hash.data(), hash.size()) == 0;
  return known && right && (!token.expires_at || now < *token.expires_at) ? &token : nullptr;
}

model::Result<http::Caller> TokenCheck::identify(std::string_view authorization) const {
  const auto tokens = engine_.tokens();
  const auto* token = find_token(*tokens, bearer_token(authorization), engine_.wall_time());
  if (token == nullptr) {
    return Error{Errc::unauthorized,
                 authorization.empty()
                     ? "this node asks for a token: send Authorization: Bearer ID.SECRET; `turnwise token create` makes one"
                     : "the token is unknown, expired or revoked",
                 ""};
  }
  return http::Caller{token->owner, token->id, token->scopes};
}

} // namespace turnwise::security
