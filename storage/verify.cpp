// The journal under its oracle.
#include <algorithm>
#include <optional>
#include <utility>

#include "storage/journal_audit.hpp"

namespace turnwise::storage {
namespace {

/// A history check per shard, one after the other.
class Checks final : public AuditSink {
public:
  explicit Checks(std::size_t findings_max) : findings_max_(findings_max) {}

  void begin(model::ShardExtent extent) override {
    result.segments = std::max<std::uint64_t>(result.segments, extent.segments.size());
    check_.emplace(std::move(extent), [this](model::Finding finding) {
      if (result.findings_count++ < findings_max_) {
        result.findings.push_back(std::move(finding));
      }
    });
  }
  void row(std::uint64_t segment, Sequence sequence, const model::Record& record) override {
    check_->add(segment, sequence, record);
  }
  void unreadable(std::uint64_t segment, Sequence sequence, EntryNumber entry, std::string why) override {
    check_->add_unreadable(segment, sequence, entry, std::move(why));
  }
  void end() override {
    const auto tally = check_->finish();
    result.tally.rows += tally.rows;
    result.tally.entries += tally.entries;
    result.tally.open += tally.open;
    ++result.shards;
    check_.reset();
  }

  Verification result;

private:
  const std::size_t findings_max_;
  std::optional<model::HistoryCheck> check_;
};

} // namespace

Result<Verification> verify(JournalAudit& audit, std::size_t findings_max) {
  const auto shards = audit.shards();
  if (!shards) {
    return shards.error();
  }
  Checks checks(findings_max);
  for (const ShardId shard : *shards) {
    if (const auto read = audit.read(shard, checks); !read) {
      return read.error();
    }
  }
  return std::move(checks.result);
}

} // namespace turnwise::storage
