// Lists of what is open, in pages: what is asked for, where a page begins, and what is in it. The order of a list is stable:
// by shard, then subject, then number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/clock.hpp"
#include "model/entry_list.hpp"
#include "model/record.hpp"
#include "model/strong.hpp"

namespace turnwise::model {

/// Which open entries a list shows.
struct ListFilter {
  EntryType type{};              ///< jobs, or holds
  std::optional<JobState> state; ///< nothing: any
  std::string kind;              ///< empty: any
  std::string subject;           ///< empty: any
};

/// Where a list goes on: with this subject from this entry on, and then with the subjects after it.
struct ListPlace {
  ShardId shard;
  std::string subject;
  EntryNumber entry;
  friend bool operator==(const ListPlace&, const ListPlace&) = default;
};
/// After all entries of a subject.
inline constexpr EntryNumber past_all_entries{~std::uint64_t{0}};

/// How much one step may show and look at.
struct ListBounds {
  std::size_t items_max{};
  std::size_t entries_max{};
};

/// What somebody wants to become of a job.
enum class ChangeVerb : std::uint8_t { retry, cancel };

} // namespace turnwise::model
