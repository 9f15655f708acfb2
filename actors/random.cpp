#include "actors/random.hpp"

#include <sys/random.h>

#include <array>
#include <cstring>
#include <system_error>

namespace turnwise::actors {
namespace {

void take(void* target, std::size_t bytes) {
  thread_local std::array<std::uint8_t, 4096> page;
  thread_local std::size_t used = page.size();
  if (page.size() - used < bytes) {
    for (std::size_t filled = 0; filled < page.size();) {
      const ssize_t got = ::getrandom(page.data() + filled, page.size() - filled, 0);
      if (got < 0 && errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "getrandom");
      }
      filled += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    used = 0;
  }
  std::memcpy(target, page.data() + used, bytes);
  used += bytes;
}

} // namespace

model::Bits128 random_128() {
  model::Bits128 bits;
  take(bits.data(), bits.size());
  return bits;
}

std::uint64_t random_64() {
  std::uint64_t bits;
  take(&bits, sizeof bits);
  return bits;
}

} // namespace turnwise::actors
