// Random bits that nobody can guess, for nonces and incarnations, and for spreading retries.
#pragma once

#include <cstdint>

#include "model/strong.hpp"

namespace turnwise::actors {

/// From the kernel's generator, fetched a page at a time per thread. Thread-safe.
model::Bits128 random_128();
std::uint64_t random_64();

} // namespace turnwise::actors
