// Under which names a node answers.
#pragma once

#include <string_view>

namespace turnwise::http {

/// A node that asks for no tokens trusts that only programs of this machine reach it. A web page could lead a browser there by
/// a name of its own that it lets point to 127.0.0.1 (DNS rebinding); such a request has that name as its host.
enum class Hosts {
  any,
  local, ///< localhost and loopback addresses
};

/// @param host  as in the header field Host: a name or an address, perhaps with a port; empty when there is none, which no
///              browser sends
bool accepts(Hosts hosts, std::string_view host);

} // namespace turnwise::http
