// The workload `limit`: what the journal could take if nothing else had to be done. The rows that the jobs of `overlap` leave
// behind, made ahead, are written by the node's own writer (the same statement, fence and format) into a scratch database of
// the same PostgreSQL. What share of it a node reaches is what its mailboxes, HTTP and the work on both sides cost.
#include <algorithm>
#include <random>
#include <stdexcept>
#include <thread>

#include <fmt/core.h>
#include <pqxx/pqxx>

#include "bench/measure.hpp"
#include "model/subject.hpp"
#include "storage/migrator.hpp"
#include "storage/postgres/store.hpp"

namespace turnwise::bench {

namespace {

constexpr std::uint16_t shards = 256;
constexpr std::size_t rows_per_job = 3; // submitted, started, succeeded

/// A database with the schema of a node, dropped at the end.
class ScratchDatabase {
public:
  explicit ScratchDatabase(const std::string& server)
      : server_(server), name_(fmt::format("turnwise_bench_{:08x}", std::random_device{}())) {
    execute("CREATE DATABASE " + name_);
    if (const auto migrated = storage::migrate(connection(), shards); !migrated) {
      throw std::runtime_error{migrated.error().detail};
    }
  }
  ScratchDatabase(const ScratchDatabase&) = delete;
  ScratchDatabase& operator=(const ScratchDatabase&) = delete;
  ~ScratchDatabase() {
    try {
      execute("DROP DATABASE " + name_ + " WITH (FORCE)");
    } catch (const std::exception& error) {
      fmt::print(stderr, "turnwise-bench: the database {} is left: {}\n", name_, error.what());
    }
  }
  /// A later word of a connection string wins.
  [[nodiscard]] std::string connection() const { return server_ + " dbname=" + name_; }

private:
  void execute(const std::string& sql) const {
    pqxx::connection connection{server_};
    pqxx::nontransaction{connection}.exec(sql);
  }
  std::string server_;
  std::string name_;
};

template <class T>
T get(model::Result<T> result) {
  if (!result) {
    throw std::runtime_error{"limit: " + result.error().detail};
  }
  return std::move(result).value();
}

/// Owns all shards of the scratch database and numbers their rows.
class Scribe {
public:
  explicit Scribe(storage::Store& store) : ownership_(store.open_ownership()), next_(shards) {
    std::random_device random;
    std::ranges::generate(owner.bits, [&] { return static_cast<std::uint8_t>(random()); });
    const auto facts = get(ownership_->server());
    if (!facts.fsync || facts.synchronous_commit == "off") {
      throw std::runtime_error{"limit: this PostgreSQL does not flush: the figure would be worth nothing"};
    }
    get(ownership_->join({.incarnation = owner, .name = "bench", .address = "bench:0"}, std::chrono::hours{1}));
    std::vector<storage::Holding> seen;
    for (const auto& row : get(ownership_->shards())) {
      seen.push_back({row.shard, row.epoch});
    }
    holdings = get(ownership_->acquire(owner, seen));
    if (holdings.size() != shards) {
      throw std::runtime_error{"limit: the scratch database has an owner"};
    }
  }

  storage::Row row(model::ShardId shard, std::optional<model::EntryNumber> entry, model::RecordBody body) {
    const storage::Sequence number{model::first_number(holdings.at(shard.value()).epoch) + next_.at(shard.value())++};
    return {shard, number, {entry.value_or(model::EntryNumber{number.value()}), now_, std::move(body)}};
  }

  storage::Incarnation owner;
  std::vector<storage::Holding> holdings; ///< by shard

private:
  std::unique_ptr<storage::Ownership> ownership_;
  std::vector<std::uint64_t> next_;
  model::WallTime now_ = std::chrono::time_point_cast<model::WallTime::duration>(std::chrono::system_clock::now());
};

struct Batch {
  std::vector<storage::Row> rows;
  std::vector<storage::Holding> holdings;
};

/// What one connection writes: those shards that are its share, the way a node gives them to its lanes. Jobs come in bulks: a
/// bulk is submitted, then each of its jobs is started and done.
std::vector<Batch> make_batches(Scribe& scribe, const Settings& settings, unsigned share, unsigned shares,
                                std::size_t batch_rows) {
  std::vector<storage::Row> rows;
  const auto add_bulk = [&](std::uint64_t first, std::uint64_t end) {
    std::vector<std::pair<model::ShardId, model::EntryNumber>> entries;
    for (auto job = first; job < end; ++job) {
      const Place place{static_cast<std::uint32_t>(job % settings.subjects),
                        static_cast<std::uint32_t>(job / settings.subjects)};
      model::Submitted submitted;
      submitted.subject = fmt::format("bench:00000000-{}", place.subject);
      submitted.kind = "turnwise-bench";
      submitted.payload = encode_place(place);
      const auto shard = model::shard_of(submitted.subject, shards);
      if (shard.value() % shares == share) {
        rows.push_back(scribe.row(shard, std::nullopt, std::move(submitted)));
        entries.emplace_back(shard, rows.back().record.entry);
      }
    }
    for (const auto& [shard, entry] : entries) {
      const model::Attempt attempt{1};
      rows.push_back(scribe.row(shard, entry, model::Started{attempt, {}, "turnwise-bench-0", {}}));
      rows.push_back(scribe.row(shard, entry, model::Succeeded{attempt, {}}));
    }
  };
  for (std::uint64_t first = 0; first < settings.jobs; first += bulk * shares) {
    add_bulk(first, std::min(first + bulk * shares, settings.jobs));
  }
  std::vector<Batch> batches;
  for (std::size_t begin = 0; begin < rows.size(); begin += batch_rows) {
    const auto end = std::min(begin + batch_rows, rows.size());
    Batch batch{{std::make_move_iterator(rows.begin() + static_cast<std::ptrdiff_t>(begin)),
                 std::make_move_iterator(rows.begin() + static_cast<std::ptrdiff_t>(end))},
                {}};
    std::ranges::stable_sort(batch.rows, {}, &storage::Row::shard);
    for (const auto& row : batch.rows) {
      if (batch.holdings.empty() || batch.holdings.back().shard != row.shard) {
        batch.holdings.push_back(scribe.holdings.at(row.shard.value()));
      }
    }
    batches.push_back(std::move(batch));
  }
  return batches;
}

void write_all(storage::JournalWriter& writer, storage::Incarnation owner, const std::vector<Batch>& batches,
               std::string& fault) {
  for (const auto& batch : batches) {
    const auto result = writer.append(owner, batch.holdings, batch.rows);
    if (result.status != storage::AppendStatus::committed) {
      fault = "limit: a batch was not committed: " + result.error;
      return;
    }
  }
}

void measure_connections(const Settings& settings, Measurements& out, storage::Store& store, Scribe& scribe,
                         unsigned connections, std::size_t batch_rows) {
  std::vector<std::vector<Batch>> work;
  std::vector<std::unique_ptr<storage::JournalWriter>> writers;
  for (unsigned i = 0; i < connections; ++i) {
    work.push_back(make_batches(scribe, settings, i, connections, batch_rows));
    writers.push_back(store.open_writer());
    // Connects and prepares: not a part of the time.
    std::string fault;
    write_all(*writers.back(), scribe.owner, {{std::move(work.back().front())}}, fault);
    work.back().erase(work.back().begin());
  }
  std::size_t rows{};
  for (const auto& share : work) {
    for (const auto& batch : share) {
      rows += batch.rows.size();
    }
  }
  std::vector<std::string> faults(connections);
  Step step{settings, out,
            fmt::format("{} connection{}, {} rows a batch", connections, connections == 1 ? "" : "s", batch_rows)};
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < connections; ++i) {
      threads.emplace_back([&, i] { write_all(*writers[i], scribe.owner, work[i], faults[i]); });
    }
  }
  step.end(rows / rows_per_job);
  for (const auto& fault : faults) {
    if (!fault.empty()) {
      throw std::runtime_error{fault};
    }
  }
}

} // namespace

void journal_limit(const Settings& settings, Measurements& out) {
  if (settings.postgres.empty() || settings.postgres.find("://") != std::string::npos) {
    throw std::runtime_error{"limit needs --postgres \"host=… user=…\": a connection string that may make a database, no URI"};
  }
  const ScratchDatabase database{settings.postgres};
  const auto store = storage::open_postgres({.connection = database.connection()});
  Scribe scribe{*store};
  for (const unsigned connections : {1U, 2U}) {
    for (const std::size_t batch_rows : {1'000U, 5'000U}) {
      measure_connections(settings, out, *store, scribe, connections, batch_rows);
    }
  }
}

} // namespace turnwise::bench
