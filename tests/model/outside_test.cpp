// Which rows of users' transactions were taken over.
#include <catch2/catch_test_macros.hpp>

#include <random>
#include <vector>

#include "model/outside.hpp"

namespace turnwise::model {
namespace {

OutsideId id(std::uint64_t number) {
  return OutsideId{number};
}

OutsideCursor cursor(std::uint64_t to, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& gaps) {
  OutsideCursor made{.to = id(to), .gaps = {}};
  for (const auto& [first, last] : gaps) {
    made.gaps.push_back({id(first), id(last)});
  }
  return made;
}

TEST_CASE("a row is taken once, whatever order rows come in") {
  OutsideBook book;
  CHECK(book.empty());
  CHECK(book.take(id(4)));
  CHECK(book.cursor() == cursor(4, {{1, 3}}));
  CHECK(book.take(id(2)));
  CHECK(book.cursor() == cursor(4, {{1, 1}, {3, 3}}));
  CHECK_FALSE(book.take(id(4)));
  CHECK_FALSE(book.take(id(2)));
  CHECK(book.take(id(3)));
  CHECK(book.take(id(1)));
  CHECK(book.cursor() == cursor(4, {}));
  CHECK_FALSE(book.has(id(5)));
}

TEST_CASE("gaps that are closed are not open any more, and those above are") {
  OutsideBook book{cursor(20, {{3, 5}, {8, 12}})};
  book.close_gaps(id(9));
  CHECK(book.cursor() == cursor(20, {{10, 12}}));
  CHECK_FALSE(book.take(id(4)));
  CHECK(book.take(id(11)));
}

TEST_CASE("a row that is given back can be taken again") {
  OutsideBook book{cursor(9, {})};
  book.give_back(id(7));
  CHECK_FALSE(book.has(id(7)));
  CHECK(book.take(id(7)));
  book.give_back(id(12)); // was never taken
  CHECK(book.cursor() == cursor(9, {}));
}

TEST_CASE("a cursor tells of what is undecided as of what is missing") {
  OutsideBook book{cursor(9, {{4, 5}})};
  CHECK(book.cursor({id(2), id(8)}) == cursor(9, {{2, 2}, {4, 5}, {8, 8}}));
}

TEST_CASE("a book agrees with a plain set, for any rows in any order") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  OutsideBook book;
  std::set<std::uint64_t> taken;
  for (int i = 0; i < 2'000; ++i) {
    const std::uint64_t number = 1 + random() % 500;
    CHECK(book.take(id(number)) == taken.insert(number).second);
    if (i % 100 == 0) {
      book = OutsideBook{book.cursor()};
    }
  }
  for (std::uint64_t number = 1; number <= 500; ++number) {
    CHECK(book.has(id(number)) == taken.contains(number));
  }
}

} // namespace
} // namespace turnwise::model
