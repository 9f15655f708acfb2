// Lists of open entries, a page at a time.
#include <algorithm>
#include <utility>

#include "model/mailbox.hpp"

namespace turnwise::model {

void Mailbox::decide(ShowOpen& command, const Context& context, std::vector<Action>& actions) {
  auto page = std::make_shared<ListPage>(list(command.filter, command.from, command.bounds, context));
  if (!page->next) { // the list goes on after this subject
    page->next = ListPlace{context.shard, command.from.subject, past_all_entries};
  }
  actions.emplace_back(Reply{std::move(command.ticket), std::move(page)});
}

ListPage Mailbox::list(const ListFilter& filter, const ListPlace& from, const ListBounds& bounds,
                       const Context& context) const {
  ListPage page;
  page.looked_at = 1;
  const auto kind = filter.kind.empty() ? std::nullopt : context.kinds.find(filter.kind);
  if (!filter.kind.empty() && !kind) {
    return page; // nobody has submitted such a job
  }
  EntryNumber end = past_all_entries; // all before this one have been looked at
  std::vector<const Entry*> found;
  const auto collect = [&](const EntryList& entries) {
    std::size_t looked_at = 0;
    std::size_t matches = 0;
    entries.visit_from(from.entry, [&](const Entry& entry) {
      if (matches == bounds.items_max || looked_at == bounds.entries_max) {
        end = std::min(end, entry.number);
        return false;
      }
      ++looked_at;
      if (entry.type == filter.type && (!filter.state || entry.state == *filter.state) && (!kind || entry.kind == *kind)) {
        found.push_back(&entry);
        ++matches;
      }
      return true;
    });
    page.looked_at += looked_at;
  };
  collect(queue_);
  if (rare_) {
    collect(rare_->outside);
  }
  std::ranges::sort(found, {}, &Entry::number);
  if (found.size() > bounds.items_max) {
    end = std::min(end, found[bounds.items_max]->number);
  }
  for (const Entry* entry : found) {
    if (entry->number < end) {
      page.items.push_back(list_item(*entry, context));
      page.items.back().subject = from.subject;
    }
  }
  if (end != past_all_entries) {
    page.next = ListPlace{context.shard, from.subject, end};
  }
  return page;
}

ListItem Mailbox::list_item(const Entry& entry, const Context& context) const {
  ListItem item;
  item.shard = context.shard;
  item.type = entry.type;
  if (entry.type == EntryType::job) {
    item.view = describe(entry, context);
  } else {
    item.view.entry = entry.number;
    item.view.state = entry.state;
  }
  if (entry.state == JobState::running) {
    item.owner = entry.turn->worker;
    item.since = entry.turn->started_at;
    item.lease_expires_at = context.now.wall + (entry.turn->deadline - context.now.mono);
  } else if (entry.type == EntryType::hold) {
    item.owner = rare_->waiting_holds.at(entry.number).owner;
  }
  return item;
}

} // namespace turnwise::model
