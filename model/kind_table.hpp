// Kinds by number, so that a waiting job does not carry its kind's name.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/strong.hpp"

namespace turnwise::model {

/// Thread-safe. Only grows: a process sees few kinds, and at most kinds_max new ones from clients.
class KindTable {
public:
  /// The number of `name`, a new one if need be.
  KindId intern(std::string_view name);
  /// The number of `name`, if it has one.
  [[nodiscard]] std::optional<KindId> find(std::string_view name) const;
  /// The name of a number that intern gave. Stays valid as long as the table.
  [[nodiscard]] const std::string& name(KindId kind) const;
  [[nodiscard]] std::size_t size() const;

private:
  mutable std::shared_mutex mutex_;
  std::deque<std::string> names_; // a deque, so that a name stays where it is
  std::unordered_map<std::string_view, KindId> numbers_;
};

} // namespace turnwise::model
