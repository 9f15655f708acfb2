// Numbers that have been given, a bit each: numbers of a shard lie close together, so a million of them take 150 KB.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>

namespace turnwise::model {

class NumberSet {
public:
  /// @returns false when it was there already
  bool insert(std::uint64_t number) {
    std::uint64_t& word = pages_[number / page_bits].at(number % page_bits / word_bits);
    const std::uint64_t bit = std::uint64_t{1} << (number % word_bits);
    const bool is_new = (word & bit) == 0;
    word |= bit;
    return is_new;
  }

  [[nodiscard]] bool contains(std::uint64_t number) const {
    const auto page = pages_.find(number / page_bits);
    return page != pages_.end() && (page->second.at(number % page_bits / word_bits) >> (number % word_bits) & 1U) != 0;
  }

private:
  static constexpr std::uint64_t word_bits = 64;
  static constexpr std::uint64_t page_bits = 4096;
  std::unordered_map<std::uint64_t, std::array<std::uint64_t, page_bits / word_bits>> pages_;
};

} // namespace turnwise::model
