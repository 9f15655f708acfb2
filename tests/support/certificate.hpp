// Certificates for tests: signed by themselves, good for a day.
#pragma once

#include <string>

#include "tests/support/temporary_folder.hpp"

namespace turnwise::tests {

/// PEM files. Whoever trusts the first one trusts a server that has both.
struct Certificate {
  std::string certificate_file;
  std::string key_file;
};

/// @param names  for whom, like "DNS:localhost,IP:127.0.0.1"
/// @param stem   begins the names of both files
Certificate make_certificate(const TemporaryFolder& folder, const std::string& names, const std::string& stem = "node");

} // namespace turnwise::tests
