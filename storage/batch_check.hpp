// What every journal refuses before it writes anything: batches that no row of the format can hold.
#pragma once

#include <span>
#include <string>

#include "storage/journal.hpp"

namespace turnwise::storage {

/// Why the batch cannot be written: a text with a NUL byte (PostgreSQL has no such text), or a row of a shard that the batch
/// does not hold and the fence would not check. Empty when nothing is wrong.
std::string fault_of(std::span<const Holding> holdings, std::span<const Row> rows);

/// Whether every text of the rows is well-formed. PostgreSQL checks that itself; the journal in memory has to.
bool is_utf8(std::span<const Row> rows);

} // namespace turnwise::storage
