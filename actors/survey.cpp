#include "actors/survey.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "model/limits.hpp"

namespace turnwise::actors {
namespace {

using model::Errc;
using model::Error;

constexpr std::uint32_t protocol_version = 1;
constexpr int server_version_min = 140'000;

std::optional<Error> check_server(const storage::ServerFacts& facts, const EngineConfig& config) {
  auto refuse = [](std::string detail) { return Error{Errc::unavailable, std::move(detail), ""}; };
  if (facts.version < server_version_min) {
    return refuse(fmt::format("PostgreSQL 14 or newer is needed; this server is version {}", facts.version / 10'000));
  }
  if (facts.encoding != "UTF8") {
    return refuse(fmt::format("the database must be encoded in UTF8; this one is in {}", facts.encoding));
  }
  if (facts.read_only) {
    return refuse("the PostgreSQL server is read-only: connect to the primary");
  }
  if (!facts.fsync || !facts.full_page_writes || facts.synchronous_commit == "off") {
    if (!config.allow_unsafe_durability) {
      return refuse(fmt::format("PostgreSQL would lose acknowledged jobs in a crash: fsync={}, full_page_writes={}, "
                                "synchronous_commit={}; turn them on, or allow unsafe durability for a test",
                                facts.fsync ? "on" : "off", facts.full_page_writes ? "on" : "off", facts.synchronous_commit));
    }
    spdlog::warn("UNSAFE-DURABILITY what=\"PostgreSQL may lose acknowledged jobs in a crash; never use this for real work\"");
  }
  return std::nullopt;
}

std::optional<Error> check_cluster(const storage::ClusterMeta& meta) {
  if (meta.hash != "sha256-64" || meta.protocol_version != protocol_version || meta.shard_count == 0 ||
      meta.shard_count > model::shard_count_max) {
    return Error{Errc::unavailable,
                 fmt::format("the database belongs to a cluster that this version cannot join: hash {}, protocol {}, {} shards",
                             meta.hash, meta.protocol_version, meta.shard_count),
                 ""};
  }
  return std::nullopt;
}

} // namespace

model::Result<Survey> survey(storage::Ownership& ownership, const EngineConfig& config) {
  const auto facts = ownership.server();
  if (!facts.ok()) {
    return facts.error();
  }
  if (auto error = check_server(*facts, config)) {
    return *error;
  }
  auto meta = ownership.meta();
  if (!meta.ok()) {
    return meta.error();
  }
  if (auto error = check_cluster(*meta)) {
    return *error;
  }
  if (const auto kinds = ownership.kinds_since(0); !kinds.ok()) {
    return kinds.error();
  }
  Survey found{std::move(*meta), std::nullopt};
  if (config.reads_tokens) {
    auto tokens = ownership.tokens(0);
    if (!tokens.ok()) {
      return tokens.error();
    }
    found.tokens = std::move(*tokens);
  }
  return found;
}

} // namespace turnwise::actors
