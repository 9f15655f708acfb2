// Names, numbers and texts that others rely on.
#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "model/command.hpp"
#include "model/kind_table.hpp"
#include "model/record.hpp"
#include "model/strong.hpp"

namespace turnwise::model {

TEST_CASE("a uuid survives the round trip") {
  Bits128 bits{};
  for (std::size_t place = 0; place < bits.size(); ++place) {
    bits[place] = static_cast<std::uint8_t>(place * 17);
  }
  CHECK(to_uuid(bits) == "00112233-4455-6677-8899-aabbccddeeff");
  CHECK(from_uuid(to_uuid(bits)) == bits);
  CHECK(from_uuid("00112233-4455-6677-8899-AABBCCDDEEFF") == bits);
}

TEST_CASE("what is no uuid is all zero") {
  for (const char* text :
       {"", "00112233445566778899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefg",
        "00112233-4455-6677-8899aabb-ccddeeff", "00112233-4455-6677-8899-aabbccddeeff0"}) {
    CHECK(from_uuid(text) == Bits128{});
  }
}

TEST_CASE("every state has a name that is read back") {
  for (int number = 0; number <= static_cast<int>(JobState::cancelled); ++number) {
    const auto state = static_cast<JobState>(number);
    CHECK(job_state(name(state)) == state);
  }
  CHECK_FALSE(job_state("dead"));
  CHECK(is_final(JobState::succeeded));
  CHECK_FALSE(is_final(JobState::parked));
}

TEST_CASE("every error has its own name and a status that fits") {
  std::set<std::string_view> names;
  for (int number = 0; number <= static_cast<int>(Errc::outcome_unknown); ++number) {
    const auto code = static_cast<Errc>(number);
    names.insert(name(code));
    CHECK(http_status(code) >= 400);
    CHECK(http_status(code) < 600);
    CHECK(title(code).back() == '.');
    CHECK(name(code).find('_') == std::string_view::npos);
  }
  CHECK(names.size() == static_cast<std::size_t>(Errc::outcome_unknown) + 1);
  CHECK(name(Errc::stale_fence) == "stale-fence");
  CHECK(http_status(Errc::stale_fence) == 412);
  CHECK(http_status(Errc::outcome_unknown) == 503);
}

TEST_CASE("the numbers of events never change") {
  CHECK(static_cast<int>(event_of(Submitted{})) == 1);
  CHECK(static_cast<int>(event_of(Due{})) == 2);
  CHECK(static_cast<int>(event_of(Started{})) == 3);
  CHECK(static_cast<int>(event_of(Succeeded{})) == 4);
  CHECK(static_cast<int>(event_of(AttemptFailed{{}, FailureCause::failed, {}, {}, {}})) == 5);
  CHECK(static_cast<int>(event_of(AttemptFailed{{}, FailureCause::expired, {}, {}, {}})) == 6);
  CHECK(static_cast<int>(event_of(AttemptFailed{{}, FailureCause::timed_out, {}, {}, {}})) == 7);
  CHECK(static_cast<int>(event_of(Released{})) == 8);
  CHECK(static_cast<int>(event_of(CancelRequested{})) == 9);
  CHECK(static_cast<int>(event_of(Cancelled{})) == 10);
  CHECK(static_cast<int>(event_of(Retried{})) == 11);
  CHECK(static_cast<int>(event_of(Replaced{})) == 12);
  CHECK(static_cast<int>(event_of(WaitExpired{})) == 13);
  CHECK(static_cast<int>(event_of(Coalesced{})) == 14);
  CHECK(static_cast<int>(event_of(Held{})) == 15);
  CHECK(static_cast<int>(event_of(HoldProlonged{})) == 16);
  CHECK(static_cast<int>(event_of(HoldReleased{})) == 17);
  CHECK(static_cast<int>(event_of(HoldExpired{})) == 18);
  CHECK(static_cast<int>(event_of(Paused{})) == 19);
  CHECK(static_cast<int>(event_of(Resumed{})) == 20);
  CHECK(static_cast<int>(event_of(Carried{})) == 21);
  CHECK(static_cast<int>(event_of(Taken{})) == 22);
  CHECK(static_cast<int>(event_of(OutsideCursor{})) == 23);
}

TEST_CASE("every event, reason and disposition has its own name") {
  std::set<std::string_view> names;
  for (int number = 1; number <= static_cast<int>(Event::outside_cursor); ++number) {
    names.insert(name(static_cast<Event>(number)));
  }
  CHECK(names.size() == static_cast<std::size_t>(Event::outside_cursor));
  names.clear();
  for (int number = 0; number <= static_cast<int>(WaitReason::parked); ++number) {
    names.insert(name(static_cast<WaitReason>(number)));
  }
  CHECK(names.size() == static_cast<std::size_t>(WaitReason::parked) + 1);
  names.clear();
  for (int number = 0; number <= static_cast<int>(Disposition::replaced); ++number) {
    names.insert(name(static_cast<Disposition>(number)));
  }
  CHECK(names.size() == static_cast<std::size_t>(Disposition::replaced) + 1);
  CHECK(name(FailureCause::timed_out) == "timed-out");
}

TEST_CASE("a record says which state it leads to") {
  Submitted later;
  later.run_at = WallTime{};
  CHECK(state_after(Submitted{}) == JobState::waiting);
  CHECK(state_after(later) == JobState::scheduled);
  CHECK(state_after(Started{}) == JobState::running);
  CHECK(state_after(AttemptFailed{{}, {}, JobState::halted, {}, {}}) == JobState::halted);
  CHECK(state_after(WaitExpired{}) == JobState::failed);
  CHECK_FALSE(state_after(CancelRequested{}));
  CHECK_FALSE(state_after(Replaced{}));
  CHECK_FALSE(state_after(Coalesced{}));
}

TEST_CASE("a kind has one number, whoever asks") {
  KindTable kinds;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&kinds] {
      for (int kind = 0; kind < 500; ++kind) {
        kinds.intern("kind_" + std::to_string(kind));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(kinds.size() == 500);
  CHECK_FALSE(kinds.find("kind_500"));
  for (int kind = 0; kind < 500; ++kind) {
    const std::string name = "kind_" + std::to_string(kind);
    const auto number = kinds.find(name);
    REQUIRE(number);
    CHECK(kinds.name(*number) == name);
    CHECK(kinds.intern(name) == *number);
  }
}

TEST_CASE("the monotonic clock goes forward") {
  const MonoTime first = BootClock::now();
  const MonoTime second = BootClock::now();
  CHECK(first > MonoTime{});
  CHECK(second >= first);
}

} // namespace turnwise::model
