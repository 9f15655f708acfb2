// Who makes a request, as the token says that it came with.
#pragma once

#include <string>

#include "model/token.hpp"

namespace turnwise::http {

struct Caller {
  std::string owner; ///< of the token; empty on a node that asks for none
  std::string token; ///< its id, which is no secret
  model::Scopes scopes;
};

} // namespace turnwise::http
