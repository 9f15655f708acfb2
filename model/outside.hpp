// Which rows of users' transactions a shard has taken over: all up to a number, but for gaps. Ids are given when a row is
// inserted and seen when its transaction commits, so a gap may be filled long after larger ones were taken; or never.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "model/record.hpp"

namespace turnwise::model {

class OutsideBook {
public:
  OutsideBook() = default;
  explicit OutsideBook(const OutsideCursor& cursor);

  [[nodiscard]] bool has(OutsideId id) const;
  /// Notes that the row was taken over. False when it was before: then it must not be again.
  bool take(OutsideId id);
  /// As if it had never been taken.
  void give_back(OutsideId id);
  /// No row up to `to` will come any more that is not there yet.
  void close_gaps(OutsideId to);

  [[nodiscard]] OutsideId last() const { return OutsideId{last_}; }
  [[nodiscard]] std::size_t gaps() const { return gaps_.size(); }
  [[nodiscard]] bool empty() const { return last_ == 0; }
  /// As a record.
  /// @param except  taken, but told as if they were not
  [[nodiscard]] OutsideCursor cursor(const std::set<OutsideId>& except = {}) const;

private:
  std::uint64_t last_{};
  std::map<std::uint64_t, std::uint64_t> gaps_; // from the first id to the last
};

} // namespace turnwise::model
