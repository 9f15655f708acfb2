// TLS for a server: its certificate and key, and what it agrees to.
#pragma once

#include <memory>
#include <string>

#include "model/errors.hpp"

namespace boost::asio::ssl {
class context;
}

namespace turnwise::http {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

/// TLS 1.2 or newer. Both files are PEM; the certificate's file may go on with those that lead to a known one. Read once: a new
/// certificate needs a new start.
/// @returns malformed with the file and what is wrong with it
model::Result<TlsContext> load_tls(const std::string& certificate_file, const std::string& key_file);

} // namespace turnwise::http
