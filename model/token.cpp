// Names of scopes.
#include "model/token.hpp"

#include <algorithm>

namespace turnwise::model {

namespace {

constexpr std::array all_scopes{Scope::submit, Scope::work, Scope::admin};

} // namespace

std::string_view name(Scope scope) {
  switch (scope) {
  case Scope::submit:
    return "submit";
  case Scope::work:
    return "work";
  case Scope::admin:
    return "admin";
  }
  return "admin";
}

std::optional<Scope> scope_of(std::string_view text) {
  const auto found = std::ranges::find_if(all_scopes, [text](Scope scope) { return name(scope) == text; });
  return found == all_scopes.end() ? std::nullopt : std::optional{*found};
}

std::string to_string(Scopes scopes) {
  std::string text;
  for (const Scope scope : all_scopes) {
    if (scopes.has(scope)) {
      text += text.empty() ? "" : ",";
      text += name(scope);
    }
  }
  return text;
}

std::optional<Scopes> parse_scopes(std::string_view names) {
  Scopes scopes;
  for (;;) {
    const auto end = std::min(names.find(','), names.size());
    const auto scope = scope_of(names.substr(0, end));
    if (!scope) {
      return std::nullopt;
    }
    scopes.add(*scope);
    if (end == names.size()) {
      return scopes;
    }
    names.remove_prefix(end + 1);
  }
}

} // namespace turnwise::model
