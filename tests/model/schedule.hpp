// Random schedules: one seed is one life of a mailbox, with workers that die, lie and come late, and owners that change.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/record.hpp"

namespace turnwise::model {

struct Numbered {
  Sequence sequence;
  Record record;
};

/// How often something came about, by name.
using Counts = std::map<std::string, std::size_t>;

/// Runs the schedule that `seed` names for `steps` commands against the oracle, then replays its journal from every cut.
/// @param seen  if given, what came about is counted here: a schedule in which nothing happens proves nothing
/// @returns what went wrong first, with the steps that led there; nothing when all was as it should be.
std::optional<std::string> check_schedule(std::uint64_t seed, std::size_t steps, Counts* seen = nullptr);

/// The journal that the schedule writes.
std::vector<Numbered> recorded_history(std::uint64_t seed, std::size_t steps);

/// What the history check finds first in a journal by itself, whatever was asked; nothing when it is clean.
std::optional<std::string> check_journal(const std::vector<Numbered>& journal);

/// Counts the stories in a journal that are easy to get wrong.
void count_rarities(const std::vector<Numbered>& journal, Counts& seen);

} // namespace turnwise::model
