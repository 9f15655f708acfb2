#include "app/http/entrance.hpp"

#include <fmt/format.h>

namespace turnwise::http {
namespace {

using model::Errc;
using model::Error;
using model::Scope;

std::optional<Scope> scope_for(Access access) {
  switch (access) {
  case Access::open:
  case Access::read:
    return std::nullopt;
  case Access::submit:
    return Scope::submit;
  case Access::work:
    return Scope::work;
  case Access::operate:
    break;
  }
  return Scope::admin;
}

/// A caller that is known.
std::optional<Error> why_not(const Entrance& entrance, Access access, const Caller& caller) {
  const auto scope = scope_for(access);
  if (scope && !caller.scopes.allow(*scope)) {
    return Error{
        Errc::forbidden,
        fmt::format("this call needs a token with the scope {}; this one has {}", name(*scope), to_string(caller.scopes)), ""};
  }
  if (access == Access::operate && entrance.operators == Operators::elsewhere) {
    return Error{Errc::forbidden, "this node answers calls of operators on its second listener only (admin-listen)", ""};
  }
  return std::nullopt;
}

} // namespace

Admission admit(const Entrance& entrance, Access access, std::string_view authorization) {
  if (access == Access::open) {
    return {};
  }
  if (entrance.tokens == nullptr) {
    const Caller everybody{{}, {}, {Scope::admin}};
    return {everybody, why_not(entrance, access, everybody)};
  }
  const auto caller = entrance.tokens->identify(authorization);
  return caller ? Admission{*caller, why_not(entrance, access, *caller)} : Admission{{}, caller.error()};
}

} // namespace turnwise::http
