// From a host to its addresses.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/push/address_rules.hpp"
#include "model/errors.hpp"

namespace turnwise::push {

inline constexpr std::size_t addresses_max = 64;

/// All addresses of a host, at least one and at most addresses_max. May block, for as long as the resolver takes; is called
/// from several threads at a time. Errc::unavailable with the reason when there are none.
using Lookup = std::function<model::Result<std::vector<Address>>(const std::string& host)>;

/// As this machine is configured.
model::Result<std::vector<Address>> look_up(const std::string& host);

} // namespace turnwise::push
