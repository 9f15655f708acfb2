// Who is let in to which call. Every route says a word of Access; a node that asks for tokens compares it with the caller's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "app/http/caller.hpp"
#include "app/http/hosts.hpp"
#include "model/errors.hpp"

namespace turnwise::http {

enum class Access : std::uint8_t {
  open,    ///< whoever can reach the node
  read,    ///< any valid token
  submit,  ///< a token with the scope of that name
  work,    ///< likewise
  operate, ///< a token with the scope admin; where operators have a listener of their own, there only
};

/// Knows tokens. Called from every thread of a server.
class Gatekeeper {
public:
  virtual ~Gatekeeper() = default;
  /// @param authorization  the field of this name; empty when there is none
  /// @returns unauthorized, without a word about what is wrong with the token
  [[nodiscard]] virtual model::Result<Caller> identify(std::string_view authorization) const = 0;
};

/// Something that an operator did, or was refused.
struct OperatorAction {
  std::string_view action;
  Caller by;
  std::string target; ///< what stood in the path: a subject, a job
  std::string from;   ///< address and port of the client
  int status{};       ///< of the answer
};

enum class Operators : std::uint8_t { here, elsewhere };

/// What a listener lets in. Whatever it points to outlives the listener.
struct Entrance {
  Hosts hosts{Hosts::any};
  const Gatekeeper* tokens{}; ///< null: no token is asked for, everybody may do everything
  Operators operators{Operators::here};
  std::function<void(const OperatorAction&)> note{}; ///< told of what operators do; from every thread of the server
};

/// Who asks, as far as that is known, and why not, if not: unauthorized or forbidden.
struct Admission {
  Caller caller;
  std::optional<model::Error> refusal;
};

/// Decides before anything is looked up, so that a refusal tells nobody what there is.
Admission admit(const Entrance& entrance, Access access, std::string_view authorization);

} // namespace turnwise::http
