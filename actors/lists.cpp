// How lists are put together.
#include "actors/lists.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <map>
#include <utility>

#include "actors/shard.hpp"
#include "model/job_story.hpp"
#include "model/subject.hpp"

namespace turnwise::actors {
namespace {

/// What one page may cost: parts that are asked for, and entries that are looked at.
constexpr std::size_t parts_max = 4'000;
constexpr std::size_t entries_max = 100'000;
/// Entries of one part: what a shard or subject looks at before it takes its next message.
constexpr std::size_t part_entries_max = 5'000;

/// Looked at for one page of finished jobs: rows of the shard, and how often.
constexpr std::size_t history_rows_max = 50'000;
constexpr std::size_t history_rounds_max = 4;

using Entries = std::vector<std::pair<model::ShardId, model::EntryNumber>>;

model::Error too_busy() {
  return {model::Errc::unavailable, "too many reads wait; try again", ""};
}
model::Error unreadable() {
  return {model::Errc::unavailable, "the journal cannot be read now; try again", ""};
}

// ── Open entries ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// The latest moment at which a row of an entry changed its state.
class Since {
public:
  void add(const model::Record& record) {
    const auto* carried = std::get_if<model::Carried>(&record.body);
    if (carried != nullptr) {
      if (!at_ && carried->attempt == model::Attempt{}) {
        at_ = carried->since; // it has waited ever since
      }
    } else if (model::state_after(record.body)) {
      at_ = record.at;
    }
  }
  [[nodiscard]] std::optional<model::WallTime> at() const { return at_; }

private:
  std::optional<model::WallTime> at_;
};

/// One list under way. Each answer brings the next question, so it is used by one thread at a time.
class Lister final : public model::Recipient, public std::enable_shared_from_this<Lister> {
public:
  Lister(Shards shards, NodeContext& context, model::ListFilter filter, model::ListPlace from, std::size_t items_max,
         model::Ticket ticket)
      : shards_(std::move(shards)),
        context_(context),
        filter_(std::move(filter)),
        from_(std::move(from)),
        items_max_(items_max),
        ticket_(std::move(ticket)),
        page_(std::make_shared<model::ListPage>()) {
    if (!filter_.subject.empty()) {
      from_.shard = model::shard_of(filter_.subject, context_.cluster.shard_count);
    }
  }

  void ask() {
    const model::ListBounds bounds{items_max_ - page_->items.size(), part_entries_max};
    const auto shard = from_.shard.value();
    caf::anon_send((*shards_)[shard], ListOpen{filter_, from_, bounds, {shared_from_this(), 0}});
  }

  void deliver(std::uint32_t /*item*/, model::Response response) override {
    auto* part = std::get_if<std::shared_ptr<model::ListPage>>(&response);
    if (part == nullptr) {
      actors::deliver(ticket_, std::move(response));
      return;
    }
    page_->looked_at += (*part)->looked_at;
    std::ranges::move((*part)->items, std::back_inserter(page_->items));
    const bool goes_on = move_to((*part)->next);
    const bool is_full = page_->items.size() >= items_max_ || ++parts_ >= parts_max || page_->looked_at >= entries_max;
    if (goes_on && !is_full) {
      ask();
      return;
    }
    if (goes_on) {
      page_->next = std::move(from_);
    }
    page_->items.empty() ? finish() : read_moments();
  }

private:
  /// @returns whether there is anything behind `next`
  bool move_to(std::optional<model::ListPlace>& next) {
    const bool is_of_one = !filter_.subject.empty();
    if (next) {
      from_ = std::move(*next);
      return !is_of_one || from_.entry != model::past_all_entries;
    }
    from_ = {model::ShardId{static_cast<std::uint16_t>(from_.shard.value() + 1)}, "", {}};
    return !is_of_one && from_.shard.value() < shards_->size();
  }

  void read_moments() {
    Entries entries;
    for (const auto& item : page_->items) {
      if (!item.since) {
        entries.emplace_back(item.shard, item.view.entry);
      }
    }
    if (entries.empty()) {
      finish();
      return;
    }
    const bool queued =
        context_.readers->submit([self = shared_from_this(), entries = std::move(entries)](storage::JournalReader& reader) {
          std::map<std::pair<model::ShardId, model::EntryNumber>, Since> found;
          const auto read = reader.outlines(entries, [&](model::ShardId shard, model::Sequence, model::Record&& record) {
            found[{shard, record.entry}].add(record);
          });
          if (!read) {
            actors::deliver(self->ticket_, unreadable());
            return;
          }
          for (auto& item : self->page_->items) {
            if (const auto moment = found.find({item.shard, item.view.entry}); !item.since && moment != found.end()) {
              item.since = moment->second.at();
            }
          }
          self->finish();
        });
    if (!queued) {
      actors::deliver(ticket_, too_busy());
    }
  }

  void finish() { actors::deliver(ticket_, std::move(page_)); }

  const Shards shards_;
  NodeContext& context_;
  const model::ListFilter filter_;
  model::ListPlace from_;
  const std::size_t items_max_;
  const model::Ticket ticket_;
  std::shared_ptr<model::ListPage> page_;
  std::size_t parts_{};
};

// ── Finished jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// The stories of those of the entries that are finished jobs of the subject, newest first.
model::Result<std::vector<model::JobStory>> finished_of(storage::JournalReader& reader, model::ShardId shard,
                                                        const std::string& subject,
                                                        const std::vector<model::EntryNumber>& numbers) {
  Entries entries;
  for (const auto number : numbers) {
    entries.emplace_back(shard, number);
  }
  std::map<model::EntryNumber, model::StoryBuilder, std::greater<>> stories;
  const auto read = reader.outlines(entries, [&](model::ShardId, model::Sequence sequence, model::Record&& record) {
    stories.try_emplace(record.entry, shard, record.entry).first->second.add(sequence, record);
  });
  if (!read) {
    return read.error();
  }
  std::vector<model::JobStory> finished;
  for (auto& [number, builder] : stories) {
    auto story = std::move(builder).finish();
    if (story && is_final(story->state) && story->job.subject == subject) {
      finished.push_back(std::move(*story));
    }
  }
  return finished;
}

model::Result<model::FinishedJobs> read_finished(storage::JournalReader& reader, model::ShardId shard,
                                                 const std::string& subject, model::EntryNumber before, std::size_t jobs_max) {
  model::FinishedJobs page;
  page.next = before;
  for (std::size_t round = 0; page.next && page.jobs.size() < jobs_max && round < history_rounds_max; ++round) {
    const auto found = reader.entries_of({.shard = shard,
                                          .subject = subject,
                                          .before = *page.next,
                                          .entries_max = jobs_max - page.jobs.size(),
                                          .rows_max = history_rows_max / history_rounds_max});
    if (!found) {
      return found.error();
    }
    auto finished = finished_of(reader, shard, subject, found->entries);
    if (!finished) {
      return finished.error();
    }
    std::ranges::move(*finished, std::back_inserter(page.jobs));
    page.next = found->next;
  }
  return page;
}

} // namespace

void list_entries(Shards shards, NodeContext& context, model::ListFilter filter, model::ListPlace from, std::size_t items_max,
                  model::Ticket ticket) {
  if (from.shard.value() >= shards->size()) {
    deliver(ticket, model::Error{model::Errc::malformed, "the cursor is not of this cluster", ""});
    return;
  }
  std::make_shared<Lister>(std::move(shards), context, std::move(filter), std::move(from), items_max, std::move(ticket))->ask();
}

void list_finished(ReaderPool& readers, model::ShardId shard, std::string subject, model::EntryNumber before,
                   std::size_t jobs_max, model::Ticket ticket) {
  const bool queued = readers.submit([=](storage::JournalReader& reader) {
    auto page = read_finished(reader, shard, subject, before, jobs_max);
    deliver(ticket, page ? model::Response{std::make_shared<const model::FinishedJobs>(std::move(*page))}
                         : model::Response{unreadable()});
  });
  if (!queued) {
    deliver(ticket, too_busy());
  }
}

} // namespace turnwise::actors
