#include "app/http/tls.hpp"

#include <boost/asio/ssl/context.hpp>
#include <fmt/format.h>

namespace turnwise::http {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

/// Suites with forward secrecy and authenticated encryption. Those of TLS 1.3 are all like that.
constexpr auto suites_of_tls_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20";

/// With TLS 1.2 a client could ask for one handshake after the other on a connection; buffers of idle connections are let go.
void harden(ssl::context& context) {
  SSL_CTX* native = context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cipher_list(native, suites_of_tls_1_2);
}

} // namespace

model::Result<TlsContext> load_tls(const std::string& certificate_file, const std::string& key_file) {
  const auto fail = [](const char* option, const std::string& file, const error_code& failure) {
    return model::Error{model::Errc::malformed, fmt::format("{}: cannot use {}: {}", option, file, failure.message()), ""};
  };
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  harden(*context);
  error_code failure;
  context->use_certificate_chain_file(certificate_file, failure);
  if (failure) {
    return fail("tls-certificate", certificate_file, failure);
  }
  // A key in a passphrase would be asked for on the terminal: there is nobody.
  context->set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string{}; });
  context->use_private_key_file(key_file, ssl::context::pem, failure);
  if (failure) {
    return fail("tls-key", key_file, failure);
  }
  if (SSL_CTX_check_private_key(context->native_handle()) != 1) {
    return model::Error{model::Errc::malformed, fmt::format("tls-key: {} is not the key of {}", key_file, certificate_file),
                        ""};
  }
  return context;
}

} // namespace turnwise::http
