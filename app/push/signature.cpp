#include "app/push/signature.hpp"

#include <array>
#include <span>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

namespace turnwise::push {
namespace {

constexpr std::string_view prefix = "whsec_";
constexpr std::size_t new_key_bytes = 32;
constexpr std::size_t fingerprint_bytes = 8;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string to_base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0'); // and the NUL that OpenSSL adds
  text.resize(static_cast<std::size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes_of(bytes), static_cast<int>(bytes.size()))));
  return text;
}

/// The bytes, if `text` is the one way to write them.
std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) {
    return std::nullopt;
  }
  std::string bytes(text.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), bytes_of(text), static_cast<int>(text.size())) < 0) {
    return std::nullopt;
  }
  bytes.resize(bytes.size() - (text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0));
  return to_base64(bytes) == text ? std::optional(std::move(bytes)) : std::nullopt;
}

std::string hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

} // namespace

model::Result<std::string> decode_secret(std::string_view text) {
  const bool has_prefix = text.starts_with(prefix);
  auto key = has_prefix ? from_base64(text.substr(prefix.size())) : std::nullopt;
  if (!key || key->size() < secret_bytes_min || key->size() > secret_bytes_max) {
    return model::Error{
        model::Errc::malformed,
        fmt::format("a secret is whsec_ and {} to {} random bytes in base64", secret_bytes_min, secret_bytes_max),
        {}};
  }
  return std::move(*key);
}

std::string encode_secret(std::string_view key) {
  return std::string{prefix} + to_base64(key);
}

model::Result<std::string> new_key() {
  std::array<unsigned char, new_key_bytes> key{};
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) {
    return model::Error{model::Errc::internal, "the system has no random numbers for a secret", {}};
  }
  return std::string(reinterpret_cast<const char*>(key.data()), key.size());
}

std::string fingerprint_of(std::string_view key) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(bytes_of(key), key.size(), digest.data());
  return fmt::format("{:02x}", fmt::join(std::span(digest).first(fingerprint_bytes), ""));
}

std::string signatures(const std::vector<Secret>& secrets, model::WallTime now, std::string_view id, std::string_view timestamp,
                       std::string_view body) {
  const std::string content = fmt::format("{}.{}.{}", id, timestamp, body);
  std::string all;
  for (const auto& secret : secrets) {
    if (!secret.until || now < *secret.until) {
      all += fmt::format("{}v1,{}", all.empty() ? "" : " ", to_base64(hmac(secret.key, content)));
    }
  }
  return all;
}

} // namespace turnwise::push
