#include "model/outside.hpp"

#include <algorithm>
#include <iterator>

namespace turnwise::model {

OutsideBook::OutsideBook(const OutsideCursor& cursor) : last_(cursor.to.value()) {
  for (const OutsideRange& gap : cursor.gaps) {
    gaps_.emplace(gap.first.value(), gap.last.value());
  }
}

bool OutsideBook::has(OutsideId id) const {
  if (id.value() > last_) {
    return false;
  }
  const auto after = gaps_.upper_bound(id.value());
  return after == gaps_.begin() || std::prev(after)->second < id.value();
}

bool OutsideBook::take(OutsideId id) {
  const std::uint64_t number = id.value();
  if (has(id)) {
    return false;
  }
  if (number > last_) {
    if (number > last_ + 1) {
      gaps_.emplace(last_ + 1, number - 1);
    }
    last_ = number;
    return true;
  }
  const auto gap = std::prev(gaps_.upper_bound(number));
  const auto [first, last] = *gap;
  gaps_.erase(gap);
  if (first < number) {
    gaps_.emplace(first, number - 1);
  }
  if (number < last) {
    gaps_.emplace(number + 1, last);
  }
  return true;
}

void OutsideBook::give_back(OutsideId id) {
  if (has(id)) {
    gaps_.emplace(id.value(), id.value());
  }
}

void OutsideBook::close_gaps(OutsideId to) {
  const std::uint64_t bound = to.value();
  while (!gaps_.empty() && gaps_.begin()->first <= bound) {
    const std::uint64_t last = gaps_.begin()->second;
    gaps_.erase(gaps_.begin());
    if (last > bound) {
      gaps_.emplace(bound + 1, last);
    }
  }
}

OutsideCursor OutsideBook::cursor(const std::set<OutsideId>& except) const {
  OutsideCursor cursor{.to = last(), .gaps = {}};
  auto& gaps = cursor.gaps;
  gaps.reserve(gaps_.size() + except.size());
  for (const auto& [first, last] : gaps_) {
    gaps.push_back({OutsideId{first}, OutsideId{last}});
  }
  for (const OutsideId id : except) {
    gaps.push_back({id, id});
  }
  std::sort(gaps.begin(), gaps.end(), [](const OutsideRange& a, const OutsideRange& b) { return a.first < b.first; });
  return cursor;
}

} // namespace turnwise::model
