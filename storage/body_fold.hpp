// The rows of an entry into its body: what both journals' bodies() do.
#pragma once

#include <optional>
#include <utility>

#include "storage/journal.hpp"
#include "storage/record_codec.hpp"

namespace turnwise::storage {

/// Takes the next row of the entry, by sequence. Rows before the one that opens it, or carries it, say nothing.
inline void fold_body(std::optional<Body>& body, ShardId shard, model::Record record) {
  const auto begin = [&](model::Submitted job, model::WallTime since) {
    const auto fingerprint = job.fingerprint;
    body = Body{shard, record.entry, std::move(job), since, fingerprint};
  };
  if (auto* opening = std::get_if<model::Submitted>(&record.body)) {
    begin(std::move(*opening), record.at);
  } else if (auto* carried = std::get_if<model::Carried>(&record.body)) {
    begin(std::move(carried->job), carried->since);
  } else if (auto* change = std::get_if<model::Replaced>(&record.body); change != nullptr && body) {
    apply_replaced(body->job, std::move(*change));
  }
}

} // namespace turnwise::storage
