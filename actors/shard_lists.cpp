// Lists: a part of the shard's open entries, from a place on. No state is kept between two parts.
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>

#include "actors/shard.hpp"

namespace turnwise::actors {
namespace {

/// Subjects of one message.
constexpr std::size_t subjects_max = 256;

} // namespace

/// Packed mailboxes are read here. One that a subject actor has is asked, when it is the first of the part; else the part ends
/// before it, and whoever wants more asks again. So a part is in order, and nothing waits for several subjects.
void Shard::list_open(ListOpen& message) {
  if (phase_ != Phase::serving) {
    deliver(message.ticket, model::Error{model::Errc::unavailable,
                                         "not all shards are served right now, so the list would have gaps; try again", ""});
    return;
  }
  auto page = std::make_shared<model::ListPage>();
  const model::Context context{id_, context_.clock.now(), context_.kinds, 0};
  const auto slots = slots_from(message.from, message.filter.subject);
  for (Slot* slot : slots) {
    const bool is_begun = *slot->subject == message.from.subject;
    model::ListPlace from{id_, *slot->subject, is_begun ? message.from.entry : model::EntryNumber{}};
    const model::ListBounds left{message.bounds.items_max - page->items.size(),
                                 message.bounds.entries_max - std::min(page->looked_at, message.bounds.entries_max)};
    const bool is_packed = slot->mailbox && slot->pending == 0;
    if (left.items_max == 0 || left.entries_max == 0 || (!is_packed && page->looked_at > 0)) {
      page->next = std::move(from);
      break;
    }
    if (!is_packed) {
      enqueue(*slot, model::ShowOpen{std::move(message.filter), std::move(from), left, std::move(message.ticket)});
      return;
    }
    auto part = slot->mailbox->list(message.filter, from, left, context);
    page->looked_at += part.looked_at;
    std::ranges::move(part.items, std::back_inserter(page->items));
    if (part.next) {
      page->next = std::move(part.next);
      break;
    }
  }
  if (!page->next && slots.size() == subjects_max && message.filter.subject.empty()) {
    page->next = model::ListPlace{id_, *slots.back()->subject, model::past_all_entries};
  }
  page->looked_at += 1;
  // What it says may have been decided only just now.
  when_durable(Answered{std::move(message.ticket), std::move(page), nullptr});
}

/// The first slots from a place on, in the order of subjects; looks at all names of the shard. Or the slot of `only`, if given.
std::vector<Slot*> Shard::slots_from(const model::ListPlace& from, const std::string& only) {
  const auto is_ahead = [&](const std::string& subject) {
    return from.entry == model::past_all_entries ? subject > from.subject : subject >= from.subject;
  };
  std::vector<Slot*> found;
  if (!only.empty()) {
    Slot* slot = is_ahead(only) ? find_slot(only) : nullptr;
    return slot == nullptr ? found : std::vector{slot};
  }
  for (auto& [known, slot] : slots_) {
    if (is_ahead(known)) {
      found.push_back(&slot);
    }
  }
  const auto by_subject = [](const Slot* left, const Slot* right) { return *left->subject < *right->subject; };
  if (found.size() > subjects_max) {
    std::nth_element(found.begin(), found.begin() + subjects_max, found.end(), by_subject);
    found.resize(subjects_max);
  }
  std::ranges::sort(found, by_subject);
  return found;
}

} // namespace turnwise::actors
