#include "tests/support/certificate.hpp"

#include <cstdio>
#include <memory>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace turnwise::tests {
namespace {

constexpr long day_seconds = 24L * 60 * 60;
constexpr long x509_version_3 = 2;

void require(bool done, const char* what) {
  if (!done) {
    throw std::runtime_error(std::string{"cannot make a certificate: "} + what);
  }
}

template <class Write>
void write(const std::string& path, Write write) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "w"), std::fclose);
  require(file && write(file.get()) == 1, path.c_str());
}

} // namespace

Certificate make_certificate(const TemporaryFolder& folder, const std::string& names, const std::string& stem) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  require(key && certificate, "key");
  X509_set_version(certificate.get(), x509_version_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -day_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), day_seconds);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("turnwise test"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_EXTENSION* alternative = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  require(alternative != nullptr, "names");
  X509_add_ext(certificate.get(), alternative, -1);
  X509_EXTENSION_free(alternative);
  require(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "signature");

  Certificate made{folder.file(stem + ".crt"), folder.file(stem + ".key")};
  write(made.certificate_file, [&](FILE* file) { return PEM_write_X509(file, certificate.get()); });
  write(made.key_file,
        [&](FILE* file) { return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  return made;
}

} // namespace turnwise::tests
