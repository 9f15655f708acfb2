// The settings of kinds in memory.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "model/limits.hpp"
#include "storage/kinds.hpp"

namespace turnwise::storage::memory {

/// The rules of the table turnwise.kind. Not thread-safe.
class KindTable {
public:
  [[nodiscard]] std::optional<Kinds> since(std::uint64_t revision) const {
    if (revision == revision_) {
      return std::nullopt;
    }
    Kinds all{.revision = revision_, .kinds = {}};
    for (const auto& [name, kind] : kinds_) {
      all.kinds.push_back(kind);
    }
    return all;
  }

  model::Result<model::Kind> change(const model::KindChange& change, model::WallTime now) {
    const auto found = kinds_.find(change.kind);
    const bool is_new = found == kinds_.end();
    const model::Kind before =
        is_new ? model::Kind{.name = change.kind, .revision = 0, .settings = {}, .pause = std::nullopt} : found->second;
    auto after = model::changed(before, change, now);
    if (!after.ok() || *after == before) {
      return after;
    }
    if (!after->is_plain() && is_new && kinds_.size() >= model::kinds_with_settings_max) {
      return too_many_kinds();
    }
    ++revision_;
    if (after->is_plain()) {
      after->revision = 0;
      kinds_.erase(change.kind);
    } else {
      after->revision = revision_;
      kinds_[change.kind] = *after;
    }
    return after;
  }

private:
  std::uint64_t revision_{};
  std::map<std::string, model::Kind> kinds_;
};

} // namespace turnwise::storage::memory
