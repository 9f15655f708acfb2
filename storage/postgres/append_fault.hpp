// What an exception during an append says about the batch: was nothing written, or may it be durable?
#pragma once

#include <exception>

#include "storage/journal.hpp"

namespace turnwise::storage::postgres {

/// @param fault       thrown after the batch was sent
/// @param connection_lives  whether the connection can still be used
AppendStatus status_of_sent(const std::exception& fault, bool connection_lives);

/// @param fault  thrown before the batch was sent
AppendStatus status_of_unsent(const std::exception& fault);

} // namespace turnwise::storage::postgres
