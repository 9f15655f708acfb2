// Public names: the id of a job and the receipt of an attempt.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/command.hpp"
#include "model/strong.hpp"

namespace turnwise::model {

/// Where an entry is.
struct JobId {
  ShardId shard;
  EntryNumber entry;
  friend auto operator<=>(const JobId&, const JobId&) = default;
};

/// A claim and the shard it belongs to.
struct Receipt {
  ShardId shard;
  Claim claim;
};

/// About 12 letters and digits of Crockford's base 32, the last one a check character (Luhn mod 32), so that a typing mistake
/// is told from an unknown job. Letters come out in lower case; both cases go in, and o, i, l count as 0, 1, 1.
std::string to_string(const JobId& id);
std::optional<JobId> parse_job_id(std::string_view text);

/// `<job id>-<attempt>-<nonce>`: URL-safe, no shard epoch in it, so that it outlives its node.
std::string to_string(const Receipt& receipt);
std::optional<Receipt> parse_receipt(std::string_view text);

} // namespace turnwise::model
