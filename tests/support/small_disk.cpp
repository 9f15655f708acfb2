#include "tests/support/small_disk.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace turnwise::tests {

SmallDisk::SmallDisk(std::uint64_t bytes) {
  std::string path = "/tmp/turnwise-disk-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    throw std::runtime_error{"cannot make a folder in /tmp"};
  }
  folder_ = path;
  const auto* user = getpwnam("postgres");
  if (user == nullptr || unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return;
  }
  const auto options = "mode=0700,uid=" + std::to_string(user->pw_uid) + ",gid=" + std::to_string(user->pw_gid) +
                       ",size=" + std::to_string(bytes);
  mounted_ = mount("tmpfs", path.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

SmallDisk::~SmallDisk() {
  if (mounted_) {
    umount2(folder_.c_str(), MNT_DETACH); // a server that has not ended yet keeps it
  }
  rmdir(folder_.c_str());
}

std::uint64_t SmallDisk::free_bytes() const {
  struct statvfs facts {};
  if (statvfs(folder_.c_str(), &facts) != 0) {
    throw std::runtime_error{"cannot look at " + folder_.string()};
  }
  return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

void SmallDisk::fill(std::uint64_t bytes_left) {
  const auto available = free_bytes();
  const int file = open(ballast().c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  const bool taken =
      file >= 0 && (available <= bytes_left || posix_fallocate(file, 0, static_cast<off_t>(available - bytes_left)) == 0);
  close(file);
  if (!taken) {
    throw std::runtime_error{"cannot fill " + folder_.string()};
  }
}

void SmallDisk::make_space() {
  std::filesystem::remove(ballast());
}

} // namespace turnwise::tests
