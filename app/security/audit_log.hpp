// What operators did, one line each: for those who have to know later who did what, and from where.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "app/http/entrance.hpp"
#include "app/logging/logging.hpp"

namespace turnwise::security {

/// "audit action=pause by="ann" token=3f… target="artifact:1" status=200 from=10.0.0.7:51842"
std::string audit_line(const http::OperatorAction& action);

/// Thread-safe. A line is on its way to the disk when note() returns; one that cannot be written goes to the log, as an error
/// that says so.
class AuditLog {
public:
  /// @param path  appended to, made readable by its user alone if it is not there; empty: lines go to the log
  /// @returns malformed with what the system says when the file cannot be opened
  static model::Result<std::unique_ptr<AuditLog>> open(const std::string& path, logging::Format format);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  void note(const http::OperatorAction& action);

private:
  AuditLog(int file, logging::Format format) : file_(file), format_(format) {}
  bool append(std::string_view line);

  const int file_; ///< negative: none
  const logging::Format format_;
  std::mutex mutex_; ///< one line at a time
};

} // namespace turnwise::security
