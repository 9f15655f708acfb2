// Who may write: only the owner of a shard, only at the epoch at which it owns it.
#include <algorithm>

#include "tests/storage/backend.hpp"

namespace turnwise::storage {
namespace {

constexpr ShardId shard{3};

Holding at_epoch(Holding holding, std::uint32_t epoch) {
  return {holding.shard, Epoch{epoch}};
}

CONFORMANCE("only the owner at its epoch can write, and a fenced batch leaves nothing") {
  TestNode owner{*backend.store, "127.0.0.1:1"};
  TestNode other{*backend.store, "127.0.0.1:2"};
  const auto holding = owner.acquire(shard);

  CHECK(other.append({holding}, {opening(holding, 1)}).status == AppendStatus::fenced);
  CHECK(owner.append({at_epoch(holding, holding.epoch.value() - 1)}, {opening(holding, 1)}).status == AppendStatus::fenced);
  CHECK(owner.append({at_epoch(holding, holding.epoch.value() + 1)}, {opening(holding, 1)}).status == AppendStatus::fenced);
  const Holding free{ShardId{4}, Epoch{0}};
  CHECK(owner.append({free}, {opening(free, 1)}).status == AppendStatus::fenced);
  CHECK(replayed(*owner.reader, shard).empty());

  CHECK(owner.append({holding}, {opening(holding, 1)}).status == AppendStatus::committed);
  CHECK(replayed(*owner.reader, shard).size() == 1);
}

CONFORMANCE("one lost shard fences the whole batch") {
  TestNode owner{*backend.store, "127.0.0.1:1"};
  const auto kept = owner.acquire(shard);
  const auto lost = owner.acquire(ShardId{4});
  REQUIRE(owner.ownership->release(owner.info.incarnation, std::vector{lost}).ok());

  CHECK(owner.append({kept, lost}, {opening(kept, 1), opening(lost, 2)}).status == AppendStatus::fenced);
  CHECK(replayed(*owner.reader, kept.shard).empty());
  CHECK(replayed(*owner.reader, lost.shard).empty());
  CHECK(owner.append({kept}, {opening(kept, 1)}).status == AppendStatus::committed);
}

CONFORMANCE("a shard that was released and taken by another is written by that one only") {
  TestNode before{*backend.store, "127.0.0.1:1"};
  TestNode after{*backend.store, "127.0.0.1:2"};
  const auto old = before.acquire(shard);
  REQUIRE(before.append({old}, {opening(old, 1)}).status == AppendStatus::committed);
  REQUIRE(before.ownership->release(before.info.incarnation, std::vector{old}).ok());
  const auto held = after.acquire(shard);
  CHECK(held.epoch > old.epoch);

  CHECK(before.append({old}, {opening(old, 2)}).status == AppendStatus::fenced);
  CHECK(after.append({held}, {opening(held, 1)}).status == AppendStatus::committed);
  CHECK(replayed(*after.reader, shard).size() == 2);
}

CONFORMANCE("reacquiring raises the epoch of what is still ours and leaves out the rest") {
  TestNode owner{*backend.store, "127.0.0.1:1"};
  TestNode other{*backend.store, "127.0.0.1:2"};
  const auto kept = owner.acquire(shard);
  const auto lost = owner.acquire(ShardId{4});
  REQUIRE(owner.ownership->release(owner.info.incarnation, std::vector{lost}).ok());
  const auto taken = other.acquire(lost.shard);

  const auto held = owner.writer->reacquire(owner.info.incarnation, std::vector{kept, lost});
  REQUIRE(held.ok());
  REQUIRE(held->size() == 1);
  CHECK(held->front() == at_epoch(kept, kept.epoch.value() + 1));
  CHECK(owner.append({kept}, {opening(kept, 1)}).status == AppendStatus::fenced);
  CHECK(owner.append({held->front()}, {opening(held->front(), 1)}).status == AppendStatus::committed);
  CHECK(other.append({taken}, {opening(taken, 1)}).status == AppendStatus::committed);
}

CONFORMANCE("reacquiring again after a lost answer still finds what is ours") {
  TestNode owner{*backend.store};
  const auto holding = owner.acquire(shard);
  REQUIRE(owner.writer->reacquire(owner.info.incarnation, std::vector{holding}).ok());
  const auto again = owner.writer->reacquire(owner.info.incarnation, std::vector{holding});
  REQUIRE(again.ok());
  REQUIRE(again->size() == 1);
  CHECK(again->front().epoch > holding.epoch);
  CHECK(owner.append(*again, {opening(again->front(), 1)}).status == AppendStatus::committed);
}

CONFORMANCE("a row is known to be there or not") {
  TestNode owner{*backend.store};
  const auto holding = owner.acquire(shard);
  const auto first = opening(holding, 1);
  CHECK_FALSE(*owner.writer->contains(shard, first.record.entry, first.sequence));
  REQUIRE(owner.append({holding}, {first}).status == AppendStatus::committed);
  CHECK(*owner.writer->contains(shard, first.record.entry, first.sequence));
  CHECK_FALSE(*owner.writer->contains(shard, first.record.entry, number(holding, 2)));
  CHECK_FALSE(*owner.writer->contains(ShardId{4}, first.record.entry, first.sequence));
}

CONFORMANCE("writing goes on in a new segment, and batches of several shards note each of them") {
  TestNode owner{*backend.store};
  const auto here = owner.acquire(shard);
  const auto there = owner.acquire(ShardId{4});
  std::uint64_t n = 0;
  for (int segment = 0; segment < 4; ++segment) {
    REQUIRE(owner.append({here}, {opening(here, ++n)}).status == AppendStatus::committed);
    REQUIRE(owner.append({here, there}, {opening(here, ++n), opening(there, ++n)}).status == AppendStatus::committed);
    REQUIRE(owner.ownership->extend_journal({}).ok());
  }
  CHECK(replayed(*owner.reader, here.shard).size() == 8);
  CHECK(replayed(*owner.reader, there.shard).size() == 4);
}

} // namespace
} // namespace turnwise::storage
