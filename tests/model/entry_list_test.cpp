// The packed list of entries, against std::map.
#include <catch2/catch_test_macros.hpp>

#include <map>
#include <random>

#include "model/entry_list.hpp"

namespace turnwise::model {

namespace {

Entry entry_of(std::uint64_t number) {
  Entry entry{};
  entry.number = EntryNumber{number};
  entry.kind = KindId{static_cast<std::uint32_t>(number % 7)};
  return entry;
}

} // namespace

TEST_CASE("a list of entries behaves like a map, wherever it is changed") {
  std::mt19937_64 random{42};
  EntryList list;
  std::map<std::uint64_t, std::uint32_t> map;
  for (int step = 0; step < 20'000; ++step) {
    const bool growing = step % 8'000 < 5'000;
    const std::uint64_t number = random() % 4'000;
    if (!map.contains(number) && (growing || random() % 4 == 0)) {
      CHECK(list.insert(entry_of(number)).number == EntryNumber{number});
      map[number] = static_cast<std::uint32_t>(number % 7);
    } else if (!map.empty()) {
      auto victim = random() % 2 == 0 ? map.begin() : map.lower_bound(number);
      if (victim == map.end()) {
        victim = map.begin();
      }
      const Entry taken = list.take(EntryNumber{victim->first});
      REQUIRE(taken.number == EntryNumber{victim->first});
      REQUIRE(taken.kind == KindId{victim->second});
      map.erase(victim);
    }
    REQUIRE(list.size() == map.size());
    const auto place = map.lower_bound(number);
    REQUIRE(list.rank(EntryNumber{number}) == static_cast<std::size_t>(std::distance(map.begin(), place)));
    REQUIRE((list.find(EntryNumber{number}) != nullptr) == map.contains(number));
    if (!map.empty()) {
      REQUIRE(list.front().number == EntryNumber{map.begin()->first});
    }
  }
}

TEST_CASE("a list of entries is walked in order from both ends") {
  EntryList list;
  for (std::uint64_t number = 2'000; number > 0; --number) {
    list.insert(entry_of(number));
  }
  std::uint64_t seen = 0;
  list.for_each([&](const Entry& entry) { REQUIRE(entry.number == EntryNumber{++seen}); });
  CHECK(seen == 2'000);
  const auto of_kind_three = [](const Entry& entry) { return entry.kind == KindId{3}; };
  const auto of_no_kind = [](const Entry& entry) { return entry.kind == KindId{99}; };
  CHECK(list.first_where(of_kind_three)->number == EntryNumber{3});
  CHECK(list.last_where(of_kind_three)->number == EntryNumber{1'998});
  CHECK(list.first_where(of_no_kind) == nullptr);
  CHECK(list.last_where(of_no_kind) == nullptr);
}

} // namespace turnwise::model
