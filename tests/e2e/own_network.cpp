#include "tests/e2e/own_network.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

namespace turnwise::tests {

OwnNetwork::OwnNetwork() : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
  if (::unshare(CLONE_NEWNET) != 0) {
    before_.close();
    return;
  }
  const handlers::FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  ::ioctl(socket.get(), SIOCSIFFLAGS, &loopback);
}

OwnNetwork::~OwnNetwork() {
  if (before_) {
    ::setns(before_.get(), CLONE_NEWNET);
  }
}

} // namespace turnwise::tests
