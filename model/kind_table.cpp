// Interning of kinds.
#include "model/kind_table.hpp"

#include <mutex>

namespace turnwise::model {

KindId KindTable::intern(std::string_view name) {
  if (const auto known = find(name)) {
    return *known;
  }
  const std::unique_lock lock{mutex_};
  if (const auto place = numbers_.find(name); place != numbers_.end()) {
    return place->second; // another thread was quicker between the two locks
  }
  const KindId number{static_cast<std::uint32_t>(names_.size())};
  names_.emplace_back(name);
  numbers_.emplace(names_.back(), number);
  return number;
}

std::optional<KindId> KindTable::find(std::string_view name) const {
  const std::shared_lock lock{mutex_};
  const auto place = numbers_.find(name);
  return place == numbers_.end() ? std::nullopt : std::optional{place->second};
}

const std::string& KindTable::name(KindId kind) const {
  const std::shared_lock lock{mutex_};
  return names_.at(kind.value());
}

std::size_t KindTable::size() const {
  const std::shared_lock lock{mutex_};
  return names_.size();
}

} // namespace turnwise::model
