// Reading: rows of the segments into records.
#include "storage/postgres/reader.hpp"

#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <variant>

#include "storage/body_fold.hpp"
#include "storage/postgres/binary_array.hpp"
#include "storage/postgres/reader_statements.hpp"

namespace turnwise::storage::postgres {
namespace {

using EntryKey = std::pair<ShardId, EntryNumber>;

/// Segments have no statistics when they are young, and plans must not depend on that: always along an index. A replay's rows
/// come in its order and are not sorted first, however many there are.
constexpr auto reader_settings = "SET plan_cache_mode = force_generic_plan; SET max_parallel_workers_per_gather = 0;"
                                 "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;";

/// Gives the segments that `list()` names to `read(segment, what)`, oldest first. One that is dropped between the two is passed
/// over, and the rest is listed anew: what was open in it has been carried, perhaps into a segment that was not there before.
template <class List, class Read>
Result<model::Done> each_segment(List list, Read read) {
  std::int64_t last = 0;
  for (bool dropped = true; dropped;) {
    dropped = false;
    for (auto& [segment, what] : list()) {
      if (segment <= last) {
        continue;
      }
      last = segment;
      try {
        if (auto done = read(segment, what); !done) {
          return done;
        }
      } catch (const pqxx::undefined_table&) {
        dropped = true;
        break;
      }
    }
  }
  return model::Done{};
}

std::vector<std::int64_t> segments(const pqxx::result& rows) {
  std::vector<std::int64_t> numbers;
  for (const auto& row : rows) {
    numbers.push_back(row[0].as<std::int64_t>());
  }
  return numbers;
}

/// A row of sql::rows_of_entries, after its shard.
StoredRow stored_row(const pqxx::row& row) {
  return {.entry = row[1].as<std::uint64_t>(),
          .sequence = row[2].as<std::uint64_t>(),
          .at_us = row[3].as<std::int64_t>(),
          .event = row[4].as<std::int16_t>(),
          .subject = row[5].view(),
          .kind = row[6].view(),
          .key = row[7].view(),
          .detail = row[8].view(),
          .payload = row[9].view()};
}

/// Entries as two arrays, the parameters of a statement.
struct EntryArrays {
  BinaryArray shards{ElementType::int2};
  BinaryArray entries{ElementType::int8};

  void add(std::int64_t shard, std::int64_t entry) {
    shards.add(static_cast<std::int16_t>(shard));
    entries.add(entry);
  }
  pqxx::params parameters() { return pqxx::params{shards.bytes(), entries.bytes()}; }
};

/// Keys as three arrays, the parameters of a statement.
struct KeyArrays {
  BinaryArray subjects{ElementType::text};
  BinaryArray kinds{ElementType::text};
  BinaryArray keys{ElementType::text};

  explicit KeyArrays(std::span<const KeyQuery> queries) {
    for (const auto& query : queries) {
      subjects.add(query.subject);
      kinds.add(query.kind);
      keys.add(query.key);
    }
  }
  pqxx::params parameters(ShardId shard, std::int64_t since_us) {
    return pqxx::params{shard.value(), subjects.bytes(), kinds.bytes(), keys.bytes(), since_us};
  }
};

/// A row of sql::keys, after the number of the query.
KeyMatch key_match(const pqxx::row& row) {
  KeyMatch match{.entry = EntryNumber{row[1].as<std::uint64_t>()}, .fingerprint = {}, .found = true};
  const auto digits = row[2].view();
  std::from_chars(digits.data(), digits.data() + digits.size(), match.fingerprint, 16);
  return match;
}

/// Rows of open entries, as far as a replay needs them, or of any.
enum class Reach : std::uint8_t { open_entries, any };

/// Which of the entries may have rows in which segment.
std::map<std::int64_t, EntryArrays> by_segment(pqxx::connection& connection, std::span<const EntryKey> keys, Reach reach) {
  EntryArrays wanted;
  for (const auto& [shard, entry] : keys) {
    wanted.add(shard.value(), static_cast<std::int64_t>(entry.value()));
  }
  auto parameters = wanted.parameters();
  parameters.append(reach == Reach::open_entries);
  std::map<std::int64_t, EntryArrays> found;
  for (const auto& row : pqxx::nontransaction{connection}.exec(std::string{sql::segments_of_entries}, parameters)) {
    found[row[0].as<std::int64_t>()].add(row[1].as<std::int64_t>(), row[2].as<std::int64_t>());
  }
  return found;
}

using ShardRowSink = std::function<void(ShardId, Sequence, model::Record&&)>;

/// Gives each row of the open entries that meets `condition` (SQL about a row `j`) to `sink`, those of an entry by sequence.
Result<model::Done> each_row(pqxx::connection& connection, std::span<const EntryKey> keys, std::string_view condition,
                             const ShardRowSink& sink) {
  const auto list = [&] { return by_segment(connection, keys, Reach::open_entries); };
  return each_segment(list, [&](std::int64_t segment, EntryArrays& entries) -> Result<model::Done> {
    const auto query = sql::rows_of_entries(segment, condition);
    for (const auto& row : pqxx::nontransaction{connection}.exec(query, entries.parameters())) {
      const auto stored = stored_row(row);
      auto record = decode(stored);
      if (!record) {
        return record.error();
      }
      sink(ShardId{row[0].as<std::uint16_t>()}, Sequence{stored.sequence}, std::move(*record));
    }
    return model::Done{};
  });
}

Result<model::Done> stream_rows(pqxx::nontransaction& transaction, const std::string& query, const RowSink& sink) {
  using Text = std::string_view;
  for (const auto& [entry, sequence, at_us, event, subject, kind, key, detail] :
       transaction.stream<std::uint64_t, std::uint64_t, std::int64_t, std::int16_t, Text, Text, Text, Text>(query)) {
    auto record = decode({.entry = entry,
                          .sequence = sequence,
                          .at_us = at_us,
                          .event = event,
                          .subject = subject,
                          .kind = kind,
                          .key = key,
                          .detail = detail,
                          .payload = {}});
    if (!record) {
      return record.error();
    }
    sink(Sequence{sequence}, std::move(*record));
  }
  return model::Done{};
}

/// The rows of an entry in a segment, page by page: there may be any number of them. In a transaction, so that the segment is
/// not dropped between two pages.
Result<model::Done> stream_history(pqxx::connection& connection, std::int64_t segment, const EntryKey& key,
                                   const RowSink& sink) {
  pqxx::read_transaction transaction{connection};
  const auto query = sql::history_page(segment);
  for (std::uint64_t after = 0;;) {
    const pqxx::params parameters{key.first.value(), key.second.value(), after};
    const auto page = transaction.exec(query, parameters);
    for (const auto& row : page) {
      const auto stored = stored_row(row);
      auto record = decode(stored);
      if (!record) {
        return record.error();
      }
      sink(Sequence{stored.sequence}, std::move(*record));
      after = stored.sequence;
    }
    if (page.size() < sql::history_page_rows) {
      return model::Done{};
    }
  }
}

/// How often segments are listed anew because one was dropped since.
constexpr int listings_max = 5;

/// Numbers of entries are 63 bits long; a larger one stands for no bound.
std::int64_t database_number(std::uint64_t number) {
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(number, largest));
}

/// A row of sql::entries_of.
SubjectEntries subject_entries(const pqxx::row& row, const SubjectQuery& query) {
  std::set<EntryNumber, std::greater<>> numbers;
  std::istringstream text{row[2].as<std::string>()};
  for (std::uint64_t number = 0; text >> number;) {
    numbers.insert(EntryNumber{number});
  }
  SubjectEntries found;
  if (row[0].as<std::size_t>() == query.rows_max) { // ends in the middle of an entry, perhaps, whose subject is not known then
    found.next = EntryNumber{row[1].as<std::uint64_t>()};
    numbers.insert(*found.next);
  }
  found.entries.assign(numbers.begin(), numbers.end());
  if (found.entries.size() > query.entries_max) {
    found.entries.resize(query.entries_max);
    found.next = found.entries.back();
  }
  return found;
}

} // namespace

Reader::Reader(PostgresOptions options)
    : connection_(std::move(options), reader_settings + std::string{sql::with_time_limit}) {}

Result<Replayed> Reader::replay(ShardId shard, const RowSink& sink) {
  auto result = connection_.attempt([&](pqxx::connection& connection) -> Result<Replayed> {
    pqxx::nontransaction transaction{connection};
    const auto from = transaction.query_value<std::int64_t>(std::string{sql::replay_from}, pqxx::params{shard.value()});
    const Replayed replayed{.is_whole = from <= 1};
    const auto found = segments(transaction.exec(std::string{sql::segments_to_replay}, pqxx::params{shard.value(), from}));
    if (found.empty()) {
      return replayed;
    }
    transaction.exec(std::string{sql::without_time_limit}); // a shard may have any number of rows
    auto done = stream_rows(transaction, sql::replay(shard.value(), found), sink);
    transaction.exec(std::string{sql::with_time_limit});
    return done ? Result<Replayed>{replayed} : Result<Replayed>{done.error()};
  });
  if (!result) {
    connection_.close(); // it may be in the middle of a stream
  }
  return result;
}

Result<std::vector<Body>> Reader::bodies(std::span<const std::pair<ShardId, EntryNumber>> entries) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<std::vector<Body>> {
    std::map<EntryKey, std::optional<Body>> folded;
    const auto take = [&](ShardId shard, Sequence, model::Record&& record) {
      auto& body = folded[{shard, record.entry}];
      fold_body(body, shard, std::move(record));
    };
    if (auto done = each_row(connection, entries, sql::has_body, take); !done) {
      return done.error();
    }
    std::vector<Body> found;
    for (auto& [key, body] : folded) {
      if (body) {
        found.push_back(std::move(*body));
      }
    }
    return found;
  });
}

Result<model::Done> Reader::history(ShardId shard, EntryNumber entry, const RowSink& sink) {
  return connection_.attempt([&](pqxx::connection& connection) {
    const EntryKey key{shard, entry};
    return each_segment(
        [&] {
          return by_segment(connection, {&key, 1}, Reach::any);
        },
        [&](std::int64_t segment, EntryArrays&) { return stream_history(connection, segment, key, sink); });
  });
}

Result<std::vector<KeyMatch>> Reader::find_keys(ShardId shard, std::span<const KeyQuery> queries, model::WallTime since) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<std::vector<KeyMatch>> {
    KeyArrays wanted{queries};
    const auto since_us = since.time_since_epoch().count();
    const auto list = [&] {
      std::map<std::int64_t, std::monostate> found;
      const pqxx::params parameters{shard.value(), since_us};
      for (const auto& row : pqxx::nontransaction{connection}.exec(std::string{sql::segments_since}, parameters)) {
        found.emplace(row[0].as<std::int64_t>(), std::monostate{});
      }
      return found;
    };
    std::vector<KeyMatch> matches(queries.size());
    auto read = each_segment(list, [&](std::int64_t segment, std::monostate) -> Result<model::Done> {
      for (const auto& row : pqxx::nontransaction{connection}.exec(sql::keys(segment), wanted.parameters(shard, since_us))) {
        matches.at(row[0].as<std::size_t>() - 1) = key_match(row); // the last is the latest
      }
      return model::Done{};
    });
    return read ? Result<std::vector<KeyMatch>>{std::move(matches)} : Result<std::vector<KeyMatch>>{read.error()};
  });
}

Result<SubjectEntries> Reader::entries_of(const SubjectQuery& query) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<SubjectEntries> {
    for (int listing = 1;; ++listing) {
      const pqxx::params of_shard{query.shard.value(), 0};
      const auto found = segments(pqxx::nontransaction{connection}.exec(std::string{sql::segments_to_replay}, of_shard));
      if (found.empty()) {
        return SubjectEntries{};
      }
      try {
        const pqxx::params parameters{database_number(query.before.value()), query.subject, query.rows_max};
        const auto statement = sql::entries_of(query.shard.value(), found);
        return subject_entries(pqxx::nontransaction{connection}.exec(statement, parameters).one_row(), query);
      } catch (const pqxx::undefined_table&) { // dropped since it was listed
        if (listing == listings_max) {
          throw;
        }
      }
    }
  });
}

Result<model::Done> Reader::outlines(std::span<const std::pair<ShardId, EntryNumber>> entries, const EntryRowSink& sink) {
  return connection_.attempt([&](pqxx::connection& connection) {
    return each_segment([&] { return by_segment(connection, entries, Reach::any); },
                        [&](std::int64_t segment, EntryArrays& wanted) -> Result<model::Done> {
                          std::map<std::pair<EntryKey, Sequence>, model::Record> in_order;
                          const auto statement = sql::outlines(segment, outline_rows_max);
                          for (const auto& row : pqxx::nontransaction{connection}.exec(statement, wanted.parameters())) {
                            const auto stored = stored_row(row);
                            auto record = decode(stored);
                            if (!record) {
                              return record.error();
                            }
                            const EntryKey key{ShardId{row[0].as<std::uint16_t>()}, record->entry};
                            in_order.emplace(std::pair{key, Sequence{stored.sequence}}, std::move(*record));
                          }
                          for (auto& [key, record] : in_order) {
                            sink(key.first.first, key.second, std::move(record));
                          }
                          return model::Done{};
                        });
  });
}

} // namespace turnwise::storage::postgres
