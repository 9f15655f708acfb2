// A socket's address as the rest of app/push knows addresses.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include <netinet/in.h>
#include <sys/socket.h>

#include "app/push/address_rules.hpp"

namespace turnwise::push {

/// Nothing when it is not of the internet protocols.
inline std::optional<Address> address_of(const sockaddr& socket) {
  if (socket.sa_family == AF_INET) {
    return boost::asio::ip::address_v4(ntohl(reinterpret_cast<const sockaddr_in&>(socket).sin_addr.s_addr));
  }
  if (socket.sa_family != AF_INET6) {
    return std::nullopt;
  }
  const auto& in = reinterpret_cast<const sockaddr_in6&>(socket);
  boost::asio::ip::address_v6::bytes_type bytes{};
  std::copy(std::begin(in.sin6_addr.s6_addr), std::end(in.sin6_addr.s6_addr), bytes.begin());
  return boost::asio::ip::address_v6(bytes, in.sin6_scope_id);
}

inline std::uint16_t port_of(const sockaddr& socket) {
  return ntohs(socket.sa_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(socket).sin_port
                                           : reinterpret_cast<const sockaddr_in6&>(socket).sin6_port);
}

} // namespace turnwise::push
