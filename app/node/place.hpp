// The name of the place where a node listens, good enough to prove that a predecessor is gone.
#pragma once

#include <string>
#include <string_view>

namespace turnwise::node {

/// `address` (host:port) alone names no place: 127.0.0.1:7171 exists on every machine, and in every container. Together with
/// the running kernel (its boot id) and the network namespace, only one process at a time can listen there; so who listens
/// there has proved that whoever was there before is gone. After a reboot the place is another one, and a predecessor is only
/// declared dead by its silence.
std::string place_of(std::string_view address);

} // namespace turnwise::node
