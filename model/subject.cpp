// UTF-8, the rules for names, and SHA-256.
#include "model/subject.hpp"

#include <openssl/sha.h>

#include <array>
#include <string>

#include "model/limits.hpp"

namespace turnwise::model {

namespace {

/// One step through UTF-8: how many bytes, and the character they are if they are well-formed. Of malformed bytes it takes
/// as many as could have begun a character (Unicode 15, section 3.9, "maximal subpart").
struct Step {
  std::size_t length{};
  std::optional<char32_t> character;
};

struct Lead {
  std::size_t length{};       // of the whole sequence; zero for a byte that begins none
  std::uint8_t second_min{0}; // bounds of the second byte keep out overlong forms, surrogates and what is past U+10FFFF
  std::uint8_t second_max{0};
  std::uint8_t bits{}; // the lead's own share of the character
};

constexpr Lead lead_of(std::uint8_t byte) {
  const auto low = [byte](unsigned mask) { return static_cast<std::uint8_t>(byte & mask); };
  if (byte < 0x80) {
    return {1, 0, 0, byte};
  }
  if (byte >= 0xC2 && byte <= 0xDF) {
    return {2, 0x80, 0xBF, low(0x1F)};
  }
  if (byte == 0xE0) {
    return {3, 0xA0, 0xBF, low(0x0F)};
  }
  if (byte == 0xED) {
    return {3, 0x80, 0x9F, low(0x0F)};
  }
  if (byte >= 0xE1 && byte <= 0xEF) {
    return {3, 0x80, 0xBF, low(0x0F)};
  }
  if (byte == 0xF0) {
    return {4, 0x90, 0xBF, low(0x07)};
  }
  if (byte >= 0xF1 && byte <= 0xF3) {
    return {4, 0x80, 0xBF, low(0x07)};
  }
  if (byte == 0xF4) {
    return {4, 0x80, 0x8F, low(0x07)};
  }
  return {};
}

/// `bytes` must not be empty.
constexpr Step step(std::string_view bytes) {
  const Lead lead = lead_of(static_cast<std::uint8_t>(bytes[0]));
  if (lead.length == 0) {
    return {1, std::nullopt};
  }
  char32_t character = lead.bits;
  for (std::size_t place = 1; place < lead.length; ++place) {
    if (place == bytes.size()) {
      return {place, std::nullopt};
    }
    const auto byte = static_cast<std::uint8_t>(bytes[place]);
    const std::uint8_t min = place == 1 ? lead.second_min : 0x80;
    const std::uint8_t max = place == 1 ? lead.second_max : 0xBF;
    if (byte < min || byte > max) {
      return {place, std::nullopt};
    }
    character = (character << 6U) | (byte & 0x3FU);
  }
  return {lead.length, character};
}

constexpr bool is_control(char32_t character) {
  return character < 0x20 || (character >= 0x7F && character <= 0x9F);
}

Error malformed(std::string detail, std::string_view pointer) {
  return {Errc::malformed, std::move(detail), std::string{pointer}};
}

/// What subjects and kinds have in common. `what` names the thing in the error.
Result<Done> check_name(std::string_view text, std::size_t bytes_max, std::string_view what, std::string_view pointer) {
  const std::string the{what};
  if (text.empty()) {
    return malformed("The " + the + " is empty.", pointer);
  }
  if (text.size() > bytes_max) {
    return malformed("The " + the + " has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(bytes_max) +
                         " are allowed.",
                     pointer);
  }
  for (std::size_t place = 0; place < text.size();) {
    const Step next = step(text.substr(place));
    if (!next.character) {
      return malformed("The " + the + " is not UTF-8 at byte " + std::to_string(place) + ".", pointer);
    }
    if (is_control(*next.character)) {
      return malformed("The " + the + " has a control character at byte " + std::to_string(place) + ".", pointer);
    }
    place += next.length;
  }
  return Done{};
}

std::uint64_t sha256_head(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::uint64_t head = 0;
  for (std::size_t place = 0; place < sizeof head; ++place) {
    head = (head << 8U) | digest[place];
  }
  return head;
}

} // namespace

Result<Done> check_subject(std::string_view subject) {
  if (auto checked = check_name(subject, subject_bytes_max, "subject", "/subject"); !checked) {
    return checked;
  }
  const std::size_t colon = subject.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == subject.size()) {
    return malformed("A subject is a type and an id with a colon between them, such as artifact:123.", "/subject");
  }
  return Done{};
}

Result<Done> check_kind(std::string_view kind) {
  return check_name(kind, kind_bytes_max, "kind", "/kind");
}

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const Step next = step(bytes);
    if (!next.character) {
      return false;
    }
    bytes.remove_prefix(next.length);
  }
  return true;
}

std::string to_utf8(std::string_view bytes, std::size_t bytes_max) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  std::string text;
  while (!bytes.empty()) {
    const Step next = step(bytes);
    const bool keep = next.character && *next.character != 0;
    const std::string_view piece = keep ? bytes.substr(0, next.length) : replacement;
    if (text.size() + piece.size() > bytes_max) {
      break;
    }
    text += piece;
    bytes.remove_prefix(next.length);
  }
  return text;
}

ShardId shard_of(std::string_view subject, std::uint16_t shard_count) {
  return ShardId{static_cast<std::uint16_t>(sha256_head(subject) % shard_count)};
}

Fingerprint fingerprint_of(std::string_view text) {
  return sha256_head(text);
}

} // namespace turnwise::model
