// The chunks behind EntryList: full ones are split, empty ones dropped, small neighbors merged.
#include "model/entry_list.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace turnwise::model {

std::string_view name(EntryType type) {
  return type == EntryType::job ? "job" : "hold";
}

namespace {

constexpr std::size_t chunk_entries_max = 256;

bool is_before(const Entry& entry, EntryNumber number) {
  return entry.number < number;
}

std::ptrdiff_t offset(std::size_t index) {
  return static_cast<std::ptrdiff_t>(index);
}

} // namespace

std::size_t EntryList::chunk_of(EntryNumber number) const {
  const auto ends_before = [](const Chunk& chunk, EntryNumber wanted) { return chunk.back().number < wanted; };
  return static_cast<std::size_t>(std::lower_bound(chunks_.begin(), chunks_.end(), number, ends_before) - chunks_.begin());
}

Entry* EntryList::find(EntryNumber number) {
  const std::size_t index = chunk_of(number);
  if (index == chunks_.size()) {
    return nullptr;
  }
  const auto place = std::lower_bound(chunks_[index].begin(), chunks_[index].end(), number, is_before);
  return place->number == number ? &*place : nullptr;
}

std::size_t EntryList::rank(EntryNumber number) const {
  const std::size_t index = chunk_of(number);
  if (index == chunks_.size()) {
    return size_;
  }
  const Chunk& chunk = chunks_[index];
  const auto within = static_cast<std::size_t>(std::lower_bound(chunk.begin(), chunk.end(), number, is_before) - chunk.begin());
  std::size_t others = 0;
  if (index < chunks_.size() / 2) {
    for (std::size_t earlier = 0; earlier < index; ++earlier) {
      others += chunks_[earlier].size();
    }
    return others + within;
  }
  for (std::size_t later = index; later < chunks_.size(); ++later) {
    others += chunks_[later].size();
  }
  return size_ - others + within;
}

/// Makes sure that the chunk at `index` (or a new last one) can take one more entry. Returns the chunk for `number`.
std::size_t EntryList::make_room(std::size_t index, EntryNumber number) {
  if (index == chunks_.size()) {
    if (chunks_.empty() || chunks_.back().size() == chunk_entries_max) {
      chunks_.emplace_back(); // appending fills chunks to the brim
    }
    return chunks_.size() - 1;
  }
  if (chunks_[index].size() < chunk_entries_max) {
    return index;
  }
  const auto middle = chunks_[index].begin() + offset(chunk_entries_max / 2);
  Chunk second{std::make_move_iterator(middle), std::make_move_iterator(chunks_[index].end())};
  chunks_[index].erase(middle, chunks_[index].end());
  chunks_.insert(chunks_.begin() + offset(index) + 1, std::move(second));
  return chunks_[index].back().number < number ? index + 1 : index;
}

Entry& EntryList::insert(Entry entry) {
  Chunk& chunk = chunks_[make_room(chunk_of(entry.number), entry.number)];
  const auto place = std::lower_bound(chunk.begin(), chunk.end(), entry.number, is_before);
  ++size_;
  return *chunk.insert(place, std::move(entry));
}

Entry EntryList::take(EntryNumber number) {
  const std::size_t index = chunk_of(number);
  Chunk& chunk = chunks_[index];
  const auto place = std::lower_bound(chunk.begin(), chunk.end(), number, is_before);
  Entry taken = std::move(*place);
  chunk.erase(place);
  --size_;
  tidy(index);
  return taken;
}

/// Drops the chunk at `index` if it is empty now, and merges it into its neighbor if both are small.
void EntryList::tidy(std::size_t index) {
  const auto drop = [this](std::size_t which) { chunks_.erase(chunks_.begin() + offset(which)); };
  if (size_ == 0) {
    chunks_ = std::vector<Chunk>{}; // gives the memory back: an idle mailbox costs nothing
  } else if (chunks_[index].empty()) {
    drop(index);
  } else if (index > 0 && chunks_[index - 1].size() + chunks_[index].size() <= chunk_entries_max / 2) {
    Chunk& left = chunks_[index - 1];
    left.insert(left.end(), std::make_move_iterator(chunks_[index].begin()), std::make_move_iterator(chunks_[index].end()));
    drop(index);
  }
}

} // namespace turnwise::model
