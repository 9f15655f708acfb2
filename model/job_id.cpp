// Ids and receipts as text. The alphabet is Douglas Crockford's base 32 (https://www.crockford.com/base32.html); the check
// character is Luhn's algorithm in base 32, which finds every single wrong character and nearly every swapped pair.
//
// An entry number is epoch · 2^40 + n. The id puts the shard between the two, so that ids of young clusters stay short:
//
//   epoch (23 bits) | shard (10 bits) | n (40 bits)
#include "model/job_id.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "model/limits.hpp"

namespace turnwise::model {

namespace {

__extension__ using Uint128 = unsigned __int128;

constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr unsigned base = 32;
constexpr unsigned digit_bits = 5;
constexpr unsigned shard_bits = 10;
constexpr unsigned id_bits = 23 + shard_bits + sequence_counter_bits;
constexpr std::size_t id_digits_max = (id_bits + digit_bits - 1) / digit_bits;
constexpr std::size_t nonce_digits = 26; // 130 bits, of which the first two are zero
constexpr std::uint64_t counter_mask = (std::uint64_t{1} << sequence_counter_bits) - 1;
static_assert(shard_count_max == 1U << shard_bits);
static_assert(epoch_limit == 1U << 23U);

/// 0 … 31, or nothing for a character that no id has.
std::optional<unsigned> digit_value(char character) {
  if (character >= 'A' && character <= 'Z') {
    character = static_cast<char>(character - 'A' + 'a');
  }
  if (character == 'o') {
    return 0;
  }
  if (character == 'i' || character == 'l') {
    return 1;
  }
  const std::size_t place = alphabet.find(character);
  return place == std::string_view::npos ? std::nullopt : std::optional{static_cast<unsigned>(place)};
}

/// Luhn mod 32 over digits; the rightmost one is weighted by `factor`, and then 1 and 2 take turns.
std::optional<unsigned> luhn_sum(std::string_view digits, unsigned factor) {
  unsigned sum = 0;
  for (auto place = digits.rbegin(); place != digits.rend(); ++place) {
    const auto value = digit_value(*place);
    if (!value) {
      return std::nullopt;
    }
    const unsigned weighted = factor * *value;
    sum += weighted / base + weighted % base;
    factor = 3 - factor;
  }
  return sum % base;
}

void append_digits(std::string& text, Uint128 value, std::size_t count) {
  while (count-- > 0) {
    text += alphabet[static_cast<std::size_t>((value >> (digit_bits * count)) & (base - 1))];
  }
}

std::optional<Uint128> parse_digits(std::string_view text) {
  Uint128 value = 0;
  for (const char character : text) {
    const auto digit = digit_value(character);
    if (!digit) {
      return std::nullopt;
    }
    value = (value << digit_bits) | *digit;
  }
  return value;
}

Uint128 packed(const JobId& id) {
  const std::uint64_t entry = id.entry.value();
  const Uint128 epoch = entry >> sequence_counter_bits;
  const Uint128 shard = id.shard.value();
  return (epoch << (shard_bits + sequence_counter_bits)) | (shard << sequence_counter_bits) | (entry & counter_mask);
}

std::string nonce_text(const Nonce& nonce) {
  Uint128 value = 0;
  for (const std::uint8_t byte : nonce.bits) {
    value = (value << 8U) | byte;
  }
  std::string text;
  append_digits(text, value, nonce_digits);
  return text;
}

std::optional<Nonce> parse_nonce(std::string_view text) {
  if (text.size() != nonce_digits || digit_value(text[0]).value_or(base) > 7) { // the first digit has three bits
    return std::nullopt;
  }
  auto value = parse_digits(text);
  if (!value) {
    return std::nullopt;
  }
  Nonce nonce;
  for (auto byte = nonce.bits.rbegin(); byte != nonce.bits.rend(); ++byte, *value >>= 8U) {
    *byte = static_cast<std::uint8_t>(*value & 0xFFU);
  }
  return nonce;
}

std::optional<Attempt> parse_attempt(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0 || text[0] == '0') {
    return std::nullopt;
  }
  return Attempt{number};
}

} // namespace

std::string to_string(const JobId& id) {
  const Uint128 value = packed(id);
  std::size_t digits = 1;
  while (digits < id_digits_max && (value >> (digit_bits * digits)) != 0) {
    ++digits;
  }
  std::string text;
  append_digits(text, value, digits);
  text += alphabet[(base - luhn_sum(text, 2).value_or(0)) % base];
  return text;
}

std::optional<JobId> parse_job_id(std::string_view text) {
  if (text.size() < 2 || text.size() > id_digits_max + 1 || luhn_sum(text, 1) != 0U) {
    return std::nullopt;
  }
  const std::string_view digits = text.substr(0, text.size() - 1);
  if (digits.size() > 1 && digit_value(digits[0]) == 0U) {
    return std::nullopt; // a job has one id
  }
  const auto value = parse_digits(digits);
  if (!value || (*value >> id_bits) != 0) {
    return std::nullopt;
  }
  const auto epoch = static_cast<std::uint64_t>(*value >> (shard_bits + sequence_counter_bits));
  const auto shard = static_cast<std::uint16_t>((*value >> sequence_counter_bits) & (shard_count_max - 1));
  return JobId{ShardId{shard},
               EntryNumber{(epoch << sequence_counter_bits) | (static_cast<std::uint64_t>(*value) & counter_mask)}};
}

std::string to_string(const Receipt& receipt) {
  return to_string(JobId{receipt.shard, receipt.claim.entry}) + '-' + std::to_string(receipt.claim.attempt.value()) + '-' +
         nonce_text(receipt.claim.nonce);
}

std::optional<Receipt> parse_receipt(std::string_view text) {
  const std::size_t first = text.find('-');
  const std::size_t second = first == std::string_view::npos ? first : text.find('-', first + 1);
  if (second == std::string_view::npos) {
    return std::nullopt;
  }
  const auto id = parse_job_id(text.substr(0, first));
  const auto attempt = parse_attempt(text.substr(first + 1, second - first - 1));
  const auto nonce = parse_nonce(text.substr(second + 1));
  if (!id || !attempt || !nonce) {
    return std::nullopt;
  }
  return Receipt{id->shard, Claim{id->entry, *attempt, *nonce}};
}

} // namespace turnwise::model
