#include "app/push/lookup.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "app/push/socket_address.hpp"

#include <netdb.h>
#include <sys/socket.h>

namespace turnwise::push {

model::Result<std::vector<Address>> look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int fault = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (fault != 0) {
    return model::Error{model::Errc::unavailable, fmt::format("cannot look up {}: {}", host, gai_strerror(fault)), {}};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    const auto address = address_of(*each->ai_addr);
    if (address && std::ranges::find(addresses, *address) == addresses.end()) {
      addresses.push_back(*address);
    }
  }
  if (addresses.empty() || addresses.size() > addresses_max) {
    return model::Error{model::Errc::unavailable, fmt::format("{} has {} addresses", host, addresses.size()), {}};
  }
  return addresses;
}

} // namespace turnwise::push
