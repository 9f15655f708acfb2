#include <catch2/catch_test_macros.hpp>

#include "app/push/waiting_room.hpp"

using namespace turnwise::push;

namespace {
constexpr DeliveryId id(std::uint64_t number) {
  return DeliveryId{number};
}
} // namespace

TEST_CASE("at a place, who came first goes first") {
  WaitingRoom room(2, 1);
  room.arrive("a", id(1));
  room.arrive("a", id(2));
  CHECK(room.next() == id(1));
  CHECK_FALSE(room.next());
  room.leave("a");
  CHECK(room.next() == id(2));
}

TEST_CASE("a place from which nobody comes back keeps nobody from other places") {
  WaitingRoom room(4, 2);
  for (std::uint64_t number = 1; number <= 10; ++number) {
    room.arrive("dead", id(number));
  }
  CHECK(room.next() == id(1));
  CHECK(room.next() == id(2));
  room.arrive("alive", id(11));
  CHECK(room.next() == id(11));
  CHECK_FALSE(room.next());
  room.leave("alive");
  room.arrive("alive", id(12));
  CHECK(room.next() == id(12));
}

TEST_CASE("places take turns") {
  WaitingRoom room(1, 1);
  for (const auto* place : {"a", "b", "c"}) {
    room.arrive(place, id(static_cast<std::uint64_t>(place[0])));
    room.arrive(place, id(static_cast<std::uint64_t>(place[0]) + 100));
  }
  CHECK(room.next() == id('a'));
  room.leave("a");
  CHECK(room.next() == id('b'));
  room.leave("b");
  CHECK(room.next() == id('c'));
  room.leave("c");
  CHECK(room.next() == id('a' + 100));
}

TEST_CASE("no more are on their way at a time than may") {
  WaitingRoom room(2, 2);
  room.arrive("a", id(1));
  room.arrive("b", id(2));
  room.arrive("c", id(3));
  CHECK(room.next());
  CHECK(room.next());
  CHECK_FALSE(room.next());
}

TEST_CASE("who gives up waiting is not sent, and who is on the way cannot give up waiting") {
  WaitingRoom room(1, 1);
  room.arrive("a", id(1));
  room.arrive("a", id(2));
  CHECK(room.next() == id(1));
  CHECK(room.give_up("a", id(2)));
  CHECK_FALSE(room.give_up("a", id(1)));
  CHECK_FALSE(room.give_up("elsewhere", id(1)));
  room.leave("a");
  CHECK_FALSE(room.next());
}
