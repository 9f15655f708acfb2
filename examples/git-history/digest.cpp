#include "examples/git-history/digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <stdexcept>

#include "model/subject.hpp"

namespace turnwise::git_history {

namespace {

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

std::string hex_digest(const EVP_MD* algorithm, std::initializer_list<std::string_view> parts) {
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context{EVP_MD_CTX_new()};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size{};
  bool good = context && EVP_DigestInit_ex(context.get(), algorithm, nullptr) == 1;
  for (const auto part : parts) {
    good = good && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  if (!good || EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) {
    throw std::runtime_error{"OpenSSL cannot compute a digest"};
  }
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    (text += digits[digest.at(i) >> 4U]) += digits[digest.at(i) & 15U];
  }
  return text;
}

std::string octal(unsigned char byte) {
  return {'\\', static_cast<char>('0' + (byte >> 6U)), static_cast<char>('0' + ((byte >> 3U) & 7U)),
          static_cast<char>('0' + (byte & 7U))};
}

} // namespace

std::string sha256_hex(std::string_view bytes) {
  return hex_digest(EVP_sha256(), {bytes});
}

std::string blob_id(std::string_view content, std::string_view like) {
  const std::string head = "blob " + std::to_string(content.size());
  return hex_digest(like.size() == 64 ? EVP_sha256() : EVP_sha1(), {std::string_view{head.c_str(), head.size() + 1}, content});
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3 + 1, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) {
    return std::nullopt;
  }
  const auto padding = text.ends_with("==") ? 2U : text.ends_with("=") ? 1U : 0U;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

std::string quoted_path(std::string_view path) {
  const bool utf8 = model::is_utf8(path);
  std::string text;
  for (const char character : path) {
    const auto byte = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      (text += '\\') += character;
    } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) {
      text += octal(byte);
    } else {
      text += character;
    }
  }
  return text.size() == path.size() ? text : '"' + text + '"';
}

} // namespace turnwise::git_history
