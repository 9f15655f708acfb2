// Public ids and receipts.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>
#include <set>
#include <string>

#include "model/job_id.hpp"
#include "model/limits.hpp"

namespace turnwise::model {

namespace {

constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

JobId some_id(std::mt19937_64& random) {
  const std::uint64_t epoch = random() % (std::uint64_t{1} << (random() % 24));
  const std::uint64_t counter = random() % (std::uint64_t{1} << (1 + random() % 40));
  return {ShardId{static_cast<std::uint16_t>(random() % shard_count_max)}, EntryNumber{(epoch << 40U) | counter}};
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

} // namespace

TEST_CASE("a job id survives the round trip") {
  std::mt19937_64 random{1};
  for (int round = 0; round < 20'000; ++round) {
    const JobId id = some_id(random);
    CAPTURE(id.shard.value(), id.entry.value(), to_string(id));
    REQUIRE(parse_job_id(to_string(id)) == id);
    REQUIRE(parse_job_id(upper(to_string(id))) == id);
  }
}

TEST_CASE("the smallest and the largest id have room") {
  const JobId smallest{ShardId{0}, EntryNumber{first_number(Epoch{1})}};
  const JobId largest{ShardId{shard_count_max - 1}, EntryNumber{(std::uint64_t{epoch_limit} << 40U) - 1}};
  CHECK(to_string(smallest).size() == 12);
  CHECK(parse_job_id(to_string(smallest)) == smallest);
  CHECK(to_string(largest).size() == 16);
  CHECK(parse_job_id(to_string(largest)) == largest);
}

TEST_CASE("different jobs have different ids") {
  std::set<std::string> ids;
  for (std::uint16_t shard = 0; shard < 32; ++shard) {
    for (std::uint64_t n = 0; n < 32; ++n) {
      ids.insert(to_string(JobId{ShardId{shard}, EntryNumber{first_number(Epoch{3}) + n}}));
    }
  }
  CHECK(ids.size() == 1'024);
}

TEST_CASE("every single wrong character in an id is noticed") {
  std::mt19937_64 random{2};
  for (int round = 0; round < 200; ++round) {
    const std::string right = to_string(some_id(random));
    for (std::size_t place = 0; place < right.size(); ++place) {
      for (const char wrong : alphabet) {
        std::string typed = right;
        typed[place] = wrong;
        CAPTURE(right, typed);
        if (wrong != right[place]) {
          REQUIRE_FALSE(parse_job_id(typed));
        }
      }
    }
  }
}

TEST_CASE("a missing and a doubled character are nearly always noticed") {
  std::mt19937_64 random{3};
  int tried = 0;
  int missed = 0;
  for (int round = 0; round < 1'000; ++round) {
    const std::string right = to_string(some_id(random));
    for (std::size_t place = 0; place < right.size(); ++place) {
      std::string shorter = right;
      shorter.erase(place, 1);
      std::string longer = right;
      longer.insert(place, 1, right[place]);
      for (const std::string& typed : {shorter, longer}) {
        ++tried;
        missed += parse_job_id(typed) ? 1 : 0;
      }
    }
  }
  CHECK(missed < tried / 20);
}

TEST_CASE("letters that look like digits are read as those") {
  std::mt19937_64 random{4};
  for (int round = 0; round < 1'000; ++round) {
    const JobId id = some_id(random);
    std::string typed = to_string(id);
    std::replace(typed.begin(), typed.end(), '0', round % 2 == 0 ? 'o' : 'O');
    std::replace(typed.begin(), typed.end(), '1', round % 2 == 0 ? 'i' : 'L');
    REQUIRE(parse_job_id(typed) == id);
  }
}

TEST_CASE("what is no id is refused") {
  const std::string right = to_string(JobId{ShardId{5}, EntryNumber{first_number(Epoch{9})}});
  for (const std::string& text :
       {std::string{}, std::string{"0"}, std::string{"u"}, right + " ", " " + right, "0" + right, std::string(15, 'z') + "0",
        std::string(100, '0'), std::string("../../x"), right + "\xFF", std::string("\0\0", 2)}) {
    CAPTURE(text);
    CHECK_FALSE(parse_job_id(text));
  }
}

TEST_CASE("a receipt survives the round trip") {
  std::mt19937_64 random{5};
  for (int round = 0; round < 2'000; ++round) {
    const JobId id = some_id(random);
    Receipt receipt{id.shard, {id.entry, Attempt{static_cast<std::uint32_t>(1 + random() % 1'000'000)}, {}}};
    for (auto& byte : receipt.claim.nonce.bits) {
      byte = static_cast<std::uint8_t>(random());
    }
    const std::string text = to_string(receipt);
    CAPTURE(text);
    const auto parsed = parse_receipt(text);
    REQUIRE(parsed);
    CHECK(parsed->shard == receipt.shard);
    CHECK(parsed->claim.entry == receipt.claim.entry);
    CHECK(parsed->claim.attempt == receipt.claim.attempt);
    CHECK(parsed->claim.nonce == receipt.claim.nonce);
    CHECK(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos);
  }
}

TEST_CASE("what is no receipt is refused") {
  Receipt receipt{ShardId{5}, {EntryNumber{first_number(Epoch{9})}, Attempt{1}, {}}};
  receipt.claim.nonce.bits.fill(0xFF);
  const std::string right = to_string(receipt);
  const std::string id = right.substr(0, right.find('-'));
  const std::string nonce = right.substr(right.rfind('-') + 1);
  REQUIRE(parse_receipt(id + "-1-" + nonce));
  for (const std::string& text :
       {std::string{}, std::string{"-"}, std::string{"--"}, id, id + "-1", id + "-1-", id + "--" + nonce, id + "-0-" + nonce,
        id + "-01-" + nonce, id + "-+1-" + nonce, id + "--1-" + nonce, id + "-4294967296-" + nonce, id + "-1-" + nonce + "0",
        id + "-1-" + nonce.substr(1), id + "-1-z" + nonce.substr(1), id + "-1-u" + nonce.substr(1),
        id + "-1-" + nonce.substr(1) + "u", "0-1-" + nonce, id + "-1 -" + nonce}) {
    CAPTURE(text);
    CHECK_FALSE(parse_receipt(text));
  }
}

} // namespace turnwise::model
