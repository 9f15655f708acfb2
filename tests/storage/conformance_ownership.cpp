// Nodes and shards: joining, taking, giving back, being declared dead.
#include <algorithm>

#include "tests/storage/backend.hpp"

namespace turnwise::storage {
namespace {

constexpr std::chrono::seconds ttl{6};

std::vector<Holding> all_free(Ownership& ownership) {
  std::vector<Holding> free;
  const auto shards = ownership.shards();
  REQUIRE(shards.ok());
  for (const auto& shard : *shards) {
    if (!shard.owned) {
      free.push_back({shard.shard, shard.epoch});
    }
  }
  return free;
}

CONFORMANCE("a new cluster has its shards, all free, and says how subjects are spread") {
  const auto ownership = backend.store->open_ownership();
  const auto meta = ownership->meta();
  REQUIRE(meta.ok());
  CHECK_FALSE(meta->cluster_id.empty());
  CHECK(meta->shard_count == shards_in_tests);
  CHECK(meta->hash == "sha256-64");
  CHECK(meta->protocol_version == 1);
  const auto shards = ownership->shards();
  REQUIRE(shards->size() == shards_in_tests);
  CHECK(std::ranges::none_of(*shards, &ShardRow::owned));
  CHECK(std::ranges::is_sorted(*shards, {}, &ShardRow::shard));
}

CONFORMANCE("the server says that it is durable") {
  const auto facts = backend.store->open_ownership()->server();
  REQUIRE(facts.ok());
  CHECK(facts->version >= 140000);
  CHECK(facts->fsync);
  CHECK(facts->full_page_writes);
  CHECK(facts->synchronous_commit == "on");
  CHECK(facts->encoding == "UTF8");
  CHECK_FALSE(facts->read_only);
}

CONFORMANCE("of two nodes that take the same free shards each shard goes to one") {
  TestNode one{*backend.store, "127.0.0.1:1"};
  TestNode two{*backend.store, "127.0.0.1:2"};
  const auto seen = all_free(*one.ownership);
  const auto first = one.ownership->acquire(one.info.incarnation, std::span{seen}.first(10));
  const auto second = two.ownership->acquire(two.info.incarnation, seen);
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  CHECK(first->size() == 10);
  CHECK(second->size() == shards_in_tests - 10);
  CHECK(std::ranges::all_of(*first, [](const Holding& holding) { return holding.epoch == Epoch{1}; }));
  CHECK(all_free(*one.ownership).empty());
}

CONFORMANCE("a shard is not taken at an epoch that has passed") {
  TestNode one{*backend.store, "127.0.0.1:1"};
  TestNode two{*backend.store, "127.0.0.1:2"};
  const auto seen = all_free(*one.ownership);
  const auto held = one.acquire(ShardId{0});
  REQUIRE(one.ownership->release(one.info.incarnation, std::vector{held}).ok());
  CHECK(two.ownership->acquire(two.info.incarnation, std::span{seen}.first(1))->empty());
  CHECK(two.acquire(ShardId{0}).epoch > held.epoch);
}

CONFORMANCE("taking again after a lost answer gives the same shard at the same epoch") {
  TestNode node{*backend.store};
  const auto seen = all_free(*node.ownership);
  const auto first = node.ownership->acquire(node.info.incarnation, seen);
  const auto again = node.ownership->acquire(node.info.incarnation, seen);
  CHECK(*first == *again);
}

CONFORMANCE("a node that joins at the address of an older one declares it dead and frees its shards") {
  TestNode before{*backend.store, "127.0.0.1:1"};
  TestNode elsewhere{*backend.store, "127.0.0.1:2"};
  const auto lost = before.acquire(ShardId{0});
  const auto kept = elsewhere.acquire(ShardId{1});
  REQUIRE(before.ownership->beat(before.info.incarnation, ttl)->alive);

  const auto successor = backend.store->open_ownership();
  const NodeInfo info{.incarnation = random_incarnation(), .name = "next", .address = "127.0.0.1:1"};
  const auto dead = successor->join(info, ttl);
  REQUIRE(dead.ok());
  CHECK(*dead == 1);

  CHECK_FALSE(before.ownership->beat(before.info.incarnation, ttl)->alive);
  CHECK(successor->beat(info.incarnation, ttl)->alive);
  CHECK(elsewhere.ownership->beat(elsewhere.info.incarnation, ttl)->alive);
  CHECK(before.append({lost}, {opening(lost, 1)}).status == AppendStatus::fenced);
  CHECK(elsewhere.append({kept}, {opening(kept, 1)}).status == AppendStatus::committed);
  const auto shards = successor->shards();
  CHECK_FALSE((*shards)[0].owned);
  CHECK((*shards)[0].epoch > lost.epoch);
  CHECK((*shards)[1].owned);
  CHECK((*shards)[1].epoch == kept.epoch);
}

CONFORMANCE("a dead node takes no shards") {
  TestNode before{*backend.store, "127.0.0.1:1"};
  TestNode after{*backend.store, "127.0.0.1:1"};
  const auto seen = all_free(*before.ownership);
  CHECK(before.ownership->acquire(before.info.incarnation, seen)->empty());
  CHECK(after.ownership->acquire(after.info.incarnation, seen)->size() == shards_in_tests);
}

CONFORMANCE("joining twice is joining once") {
  TestNode node{*backend.store};
  const auto held = node.acquire(ShardId{0});
  const auto dead = node.ownership->join(node.info, ttl);
  REQUIRE(dead.ok());
  CHECK(*dead == 0);
  CHECK(node.ownership->beat(node.info.incarnation, ttl)->alive);
  CHECK(node.append({held}, {opening(held, 1)}).status == AppendStatus::committed);
}

CONFORMANCE("a beat tells the time, and a stranger that it is not alive") {
  TestNode node{*backend.store};
  const auto first = node.ownership->beat(node.info.incarnation, ttl);
  const auto second = node.ownership->beat(node.info.incarnation, ttl);
  REQUIRE(first.ok());
  CHECK(first->alive);
  CHECK(first->wall <= second->wall);
  const auto here = std::chrono::time_point_cast<model::microseconds>(std::chrono::system_clock::now());
  CHECK(std::chrono::abs(here - second->wall) < std::chrono::minutes{1});
  CHECK_FALSE(node.ownership->beat(random_incarnation(), ttl)->alive);
}

CONFORMANCE("only the owner releases, only at its epoch") {
  TestNode owner{*backend.store, "127.0.0.1:1"};
  TestNode other{*backend.store, "127.0.0.1:2"};
  const auto held = owner.acquire(ShardId{0});
  REQUIRE(other.ownership->release(other.info.incarnation, std::vector{held}).ok());
  REQUIRE(owner.ownership->release(owner.info.incarnation, std::vector{Holding{held.shard, Epoch{7}}}).ok());
  CHECK((*owner.ownership->shards())[0].owned);
  REQUIRE(owner.ownership->release(owner.info.incarnation, std::vector{held}).ok());
  CHECK_FALSE((*owner.ownership->shards())[0].owned);
}

CONFORMANCE("a node that leaves is dead and owns nothing") {
  TestNode node{*backend.store};
  const auto held = node.acquire(ShardId{0});
  REQUIRE(node.ownership->leave(node.info.incarnation).ok());
  CHECK_FALSE(node.ownership->beat(node.info.incarnation, ttl)->alive);
  CHECK_FALSE((*node.ownership->shards())[0].owned);
  CHECK(node.append({held}, {opening(held, 1)}).status == AppendStatus::fenced);
}

} // namespace
} // namespace turnwise::storage
