#include "app/security/audit_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/api/time_text.hpp"

namespace turnwise::security {
namespace {

constexpr mode_t owner_only = 0600;

std::string reason(int error) {
  return std::generic_category().message(error);
}

} // namespace

std::string audit_line(const http::OperatorAction& action) {
  return fmt::format("audit action={} by={} token={} target={} status={} from={}", logging::quoted(action.action),
                     logging::quoted(action.by.owner), action.by.token.empty() ? "-" : action.by.token,
                     logging::quoted(action.target), action.status, action.from.empty() ? "-" : action.from);
}

model::Result<std::unique_ptr<AuditLog>> AuditLog::open(const std::string& path, logging::Format format) {
  int file = -1;
  if (!path.empty()) {
    file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, owner_only);
    if (file < 0) {
      return model::Error{model::Errc::malformed, fmt::format("audit-log: cannot open {}: {}", path, reason(errno)), ""};
    }
  }
  return std::unique_ptr<AuditLog>(new AuditLog(file, format));
}

AuditLog::~AuditLog() {
  if (file_ >= 0) {
    ::close(file_);
  }
}

void AuditLog::note(const http::OperatorAction& action) {
  const auto message = audit_line(action);
  if (file_ < 0) {
    spdlog::log(spdlog::level::warn, "{}", message); // whatever the least level is but `error`
    return;
  }
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto line = logging::format_line(format_, api::to_text(now), "info", message) + '\n';
  const std::lock_guard lock(mutex_);
  if (!append(line)) {
    spdlog::error("audit-not-written why={} line={}", logging::quoted(reason(errno)), logging::quoted(message));
  }
}

bool AuditLog::append(std::string_view line) {
  while (!line.empty()) {
    const auto count = ::write(file_, line.data(), line.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    line.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

} // namespace turnwise::security
