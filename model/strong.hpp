// model/ is what is true without any I/O. This file: numbers and names that the compiler keeps apart.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace turnwise::model {

/// A value of type Rep that converts neither from nor to anything by itself: explicit in, value() out.
template <class Tag, class Rep>
class Strong {
public:
  using rep = Rep;

  constexpr Strong() = default;
  constexpr explicit Strong(Rep value) : value_(value) {}

  [[nodiscard]] constexpr Rep value() const { return value_; }

  friend constexpr auto operator<=>(Strong, Strong) = default;

private:
  Rep value_{};
};

/// A fixed fraction of all subjects, the unit of ownership: 0 … shard count − 1.
using ShardId = Strong<struct ShardIdTag, std::uint16_t>;
/// Version of a shard's ownership; every journal write is checked against it.
using Epoch = Strong<struct EpochTag, std::uint32_t>;
/// Number of a record within its shard: epoch · 2^40 + n, never given twice.
using Sequence = Strong<struct SequenceTag, std::uint64_t>;
/// Number of an entry (a job) within its shard, from the same counter as the records. Grows within each subject.
using EntryNumber = Strong<struct EntryNumberTag, std::uint64_t>;
/// The sequence of the record that started a turn: strictly increasing per subject.
using FencingToken = Strong<struct FencingTokenTag, std::uint64_t>;
/// One execution of a job, numbered from 1; grows at every start.
using Attempt = Strong<struct AttemptTag, std::uint32_t>;
/// A row that a user's transaction left for the shard: a number of its own, from 1. Zero: none.
using OutsideId = Strong<struct OutsideIdTag, std::uint64_t>;
/// A kind, interned by KindTable.
using KindId = Strong<struct KindIdTag, std::uint32_t>;

/// 128 random bits.
using Bits128 = std::array<std::uint8_t, 16>;

/// A process start of a node: random, never used again.
struct Incarnation {
  Bits128 bits{};
  friend auto operator<=>(const Incarnation&, const Incarnation&) = default;
};

/// What makes a receipt hard to guess: random per attempt.
struct Nonce {
  Bits128 bits{};
  friend auto operator<=>(const Nonce&, const Nonce&) = default;
};

/// The bits as 8-4-4-4-12 hexadecimal digits, the way PostgreSQL writes a uuid.
std::string to_uuid(const Bits128& bits);
/// The bits of such a text; all zero when it is not one.
Bits128 from_uuid(std::string_view text);

inline constexpr unsigned sequence_counter_bits = 40;
inline constexpr std::uint32_t epoch_limit = 1U << 23U;

/// The first number that an owner of `epoch` gives.
constexpr std::uint64_t first_number(Epoch epoch) {
  return (static_cast<std::uint64_t>(epoch.value()) << sequence_counter_bits) + 1;
}

} // namespace turnwise::model

template <class Tag, class Rep>
struct std::hash<turnwise::model::Strong<Tag, Rep>> {
  std::size_t operator()(turnwise::model::Strong<Tag, Rep> value) const noexcept { return std::hash<Rep>{}(value.value()); }
};
