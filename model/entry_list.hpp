// The packed form of the entries of a mailbox: 40 bytes each, ordered by number, cheap at both ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/clock.hpp"
#include "model/policy.hpp"
#include "model/record.hpp"
#include "model/strong.hpp"

namespace turnwise::model {

/// The latest attempt of an entry, kept while its worker may still answer.
struct Turn {
  Nonce nonce;
  std::string worker;
  Policy policy;
  WallTime started_at;
  FencingToken token;
  MonoTime deadline;   ///< of the lease
  MonoTime timeout_at; ///< of the attempt; the largest value when it has none
  bool open{true};     ///< false once the lease ran out or the attempt timed out
  bool cancel_requested{};
};

struct Entry {
  EntryNumber number;
  WallTime due;               ///< run_at of a scheduled, retry_at of a retrying entry
  std::unique_ptr<Turn> turn; ///< while an attempt may still be answered
  KindId kind;
  Attempt attempt;          ///< starts so far
  std::uint32_t failures{}; ///< attempts that counted
  JobState state{};
};
static_assert(sizeof(Entry) <= 40, "a waiting job costs at most 40 bytes");

/// Entries ordered by number. Taking from the front is constant on average; so is appending.
class EntryList {
public:
  [[nodiscard]] std::size_t size() const { return entries_.size() - first_; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] Entry& front() { return entries_[first_]; }
  [[nodiscard]] const Entry& front() const { return entries_[first_]; }

  [[nodiscard]] auto begin() { return entries_.begin() + static_cast<std::ptrdiff_t>(first_); }
  [[nodiscard]] auto end() { return entries_.end(); }
  [[nodiscard]] auto begin() const { return entries_.begin() + static_cast<std::ptrdiff_t>(first_); }
  [[nodiscard]] auto end() const { return entries_.end(); }

  /// The entry of this number, or nullptr. Pointers hold until the next insert or take.
  [[nodiscard]] Entry* find(EntryNumber number);
  /// How many entries have a smaller number.
  [[nodiscard]] std::size_t rank(EntryNumber number) const;
  /// Puts the entry at the place of its number.
  Entry& insert(Entry entry);
  /// Takes the entry of this number out; it must be there.
  Entry take(EntryNumber number);

private:
  std::vector<Entry> entries_;
  std::size_t first_{}; // entries before it were taken
};

} // namespace turnwise::model
