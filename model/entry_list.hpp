// The packed form of the entries of a mailbox: 40 bytes each, ordered by number, cheap at both ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/clock.hpp"
#include "model/policy.hpp"
#include "model/record.hpp"
#include "model/strong.hpp"

namespace turnwise::model {

/// The latest attempt of an entry, kept while its worker may still answer.
struct Turn {
  Nonce nonce;        ///< of a hold: nothing
  std::string worker; ///< of a hold: its owner
  Policy policy;
  WallTime started_at;
  FencingToken token;
  MonoTime deadline;   ///< of the lease
  MonoTime timeout_at; ///< of the attempt; the largest value when it has none
  bool open{true};     ///< false once the lease ran out or the attempt timed out
  bool cancel_requested{};
  std::string claimant{}; ///< who may answer, see may_answer()
};

enum class EntryType : std::uint8_t {
  job,
  hold, ///< `running` while it has the turn, `waiting` before
};
std::string_view name(EntryType type);

struct Entry {
  EntryNumber number;
  WallTime due; ///< run_at of a scheduled, retry_at of a retrying entry; of a waiting one since when it could start
  std::unique_ptr<Turn> turn; ///< while an attempt may still be answered
  KindId kind;
  Attempt attempt;          ///< starts so far
  std::uint32_t failures{}; ///< attempts that counted
  JobState state{};
  EntryType type{};
};
static_assert(sizeof(Entry) <= 40, "a waiting job costs at most 40 bytes");

/// Entries ordered by number, in chunks, so that a list of millions is cheap to change anywhere: taking from the front and
/// appending are constant on average; elsewhere a change moves a few hundred entries at most.
class EntryList {
public:
  EntryList() = default;
  ~EntryList() = default;
  EntryList(EntryList&& other) noexcept : chunks_(std::move(other.chunks_)), size_(std::exchange(other.size_, 0)) {}
  EntryList& operator=(EntryList&& other) noexcept {
    chunks_ = std::exchange(other.chunks_, {});
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] Entry& front() { return chunks_.front().front(); }
  [[nodiscard]] const Entry& front() const { return chunks_.front().front(); }

  /// The entry of this number, or nullptr. Pointers hold until the next insert or take.
  [[nodiscard]] Entry* find(EntryNumber number);
  [[nodiscard]] const Entry* find(EntryNumber number) const { return const_cast<EntryList*>(this)->find(number); }
  /// How many entries have a smaller number. Counts chunks from the nearer end.
  [[nodiscard]] std::size_t rank(EntryNumber number) const;
  /// Puts the entry at the place of its number, which must not be there yet.
  Entry& insert(Entry entry);
  /// Takes the entry of this number out; it must be there.
  Entry take(EntryNumber number);

  /// The entry with the smallest number for which `wanted` says yes, or nullptr. Asks in order.
  template <class Wanted>
  [[nodiscard]] Entry* first_where(Wanted wanted) {
    for (Chunk& chunk : chunks_) {
      for (Entry& entry : chunk) {
        if (wanted(entry)) {
          return &entry;
        }
      }
    }
    return nullptr;
  }
  template <class Wanted>
  [[nodiscard]] const Entry* first_where(Wanted wanted) const {
    return const_cast<EntryList*>(this)->first_where([&wanted](const Entry& entry) { return wanted(entry); });
  }
  /// The same from the other end: the one with the largest number.
  template <class Wanted>
  [[nodiscard]] const Entry* last_where(Wanted wanted) const {
    for (auto chunk = chunks_.rbegin(); chunk != chunks_.rend(); ++chunk) {
      for (auto entry = chunk->rbegin(); entry != chunk->rend(); ++entry) {
        if (wanted(*entry)) {
          return &*entry;
        }
      }
    }
    return nullptr;
  }
  /// Visits entries from `number` on, in order, as long as `visit` says yes.
  template <class Visit>
  void visit_from(EntryNumber number, Visit visit) const {
    for (std::size_t index = chunk_of(number); index < chunks_.size(); ++index) {
      for (const Entry& entry : chunks_[index]) {
        if (entry.number >= number && !visit(entry)) {
          return;
        }
      }
    }
  }
  template <class Visit>
  void for_each(Visit visit) {
    for (Chunk& chunk : chunks_) {
      for (Entry& entry : chunk) {
        visit(entry);
      }
    }
  }
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Chunk& chunk : chunks_) {
      for (const Entry& entry : chunk) {
        visit(entry);
      }
    }
  }

private:
  using Chunk = std::vector<Entry>; // never empty, at most chunk_entries_max

  /// Index of the first chunk that ends at `number` or later; the number of chunks when there is none.
  [[nodiscard]] std::size_t chunk_of(EntryNumber number) const;
  std::size_t make_room(std::size_t index, EntryNumber number);
  void tidy(std::size_t index);

  std::vector<Chunk> chunks_;
  std::size_t size_{};
};

} // namespace turnwise::model
