// Tokens: what a client shows to be let in, and what it may do then. A token is "id.secret"; of the secret only a hash is kept.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/clock.hpp"

namespace turnwise::model {

/// What a token allows beside looking, which every one does.
enum class Scope : std::uint8_t {
  submit, ///< bring jobs in, cancel and retry them
  work,   ///< take turns, and say what became of them
  admin,  ///< everything, also what operators do
};
std::string_view name(Scope scope);
std::optional<Scope> scope_of(std::string_view name);

/// Some scopes; `admin` stands for all.
class Scopes {
public:
  constexpr Scopes() = default;
  constexpr Scopes(std::initializer_list<Scope> scopes) {
    for (const Scope scope : scopes) {
      add(scope);
    }
  }
  constexpr void add(Scope scope) { bits_ |= bit(scope); }
  [[nodiscard]] constexpr bool has(Scope scope) const { return (bits_ & bit(scope)) != 0; }
  [[nodiscard]] constexpr bool allow(Scope scope) const { return has(scope) || has(Scope::admin); }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  friend constexpr bool operator==(Scopes, Scopes) = default;

private:
  static constexpr unsigned bit(Scope scope) { return 1U << static_cast<unsigned>(scope); }
  unsigned bits_{};
};
/// Names with commas between.
std::string to_string(Scopes scopes);
/// At least one; nothing when a name is unknown.
std::optional<Scopes> parse_scopes(std::string_view names);

/// SHA-256 of a secret.
using SecretHash = std::array<std::uint8_t, 32>;

struct Token {
  std::string id;
  std::string owner; ///< who it was given to: turns belong to owners, so that a new token of the same one can answer for them
  Scopes scopes;
  SecretHash secret_hash{};
  std::optional<WallTime> expires_at;
  friend bool operator==(const Token&, const Token&) = default;
};

/// By id, ascending.
using Tokens = std::vector<Token>;

} // namespace turnwise::model
