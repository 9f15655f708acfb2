// The settings of kinds: read whole when something has changed, changed one at a time.
#include "model/limits.hpp"
#include "storage/postgres/kind_statements.hpp"
#include "storage/postgres/ownership.hpp"
#include "storage/postgres/ownership_statements.hpp"
#include "storage/postgres/push_secrets.hpp"

namespace turnwise::storage::postgres {
namespace {

using model::milliseconds;

std::string text(std::string_view statement) {
  return std::string{statement};
}

template <class Row>
std::optional<milliseconds> duration(const Row& row, int column) {
  const auto count = row[column].template as<std::optional<std::int64_t>>();
  return count ? std::optional{milliseconds{*count}} : std::nullopt;
}

/// The columns that both statements have, from the kind's name on.
template <class Row>
model::Kind kind_of(const Row& row) {
  model::Kind kind;
  kind.name = row[1].template as<std::string>();
  kind.revision = row[2].template as<std::uint64_t>();
  model::JobOptions& defaults = kind.settings.defaults;
  defaults.max_attempts = row[3].template as<std::optional<std::uint32_t>>();
  if (const auto initial = duration(row, 4)) {
    defaults.backoff = model::Backoff{*initial, row[5].template as<double>(), *duration(row, 6),
                                      model::jitter_of(row[7].template as<std::string>()).value_or(model::Jitter::full)};
  }
  if (!row[8].is_null()) {
    defaults.on_failure = model::on_failure_of(row[8].template as<std::string>());
  }
  defaults.timeout = duration(row, 9);
  defaults.lease = duration(row, 10);
  kind.settings.concurrency = row[11].template as<std::optional<std::uint32_t>>();
  if (!row[12].is_null()) {
    kind.pause = model::PauseView{row[13].template as<std::string>(), row[14].template as<std::string>(),
                                  model::WallTime{model::microseconds{row[12].template as<std::int64_t>()}}};
  }
  if (!row[15].is_null()) {
    kind.settings.push = model::PushSettings{row[15].template as<std::string>(), *duration(row, 16),
                                             decode_secrets(row[17].template as<std::string>())};
  }
  return kind;
}

std::optional<std::int64_t> count(const std::optional<milliseconds>& span) {
  return span ? std::optional{span->count()} : std::nullopt;
}

pqxx::params parameters_of(const model::Kind& kind) {
  const model::JobOptions& defaults = kind.settings.defaults;
  pqxx::params parameters{kind.name, kind.revision, defaults.max_attempts};
  const auto& backoff = defaults.backoff;
  parameters.append(backoff ? std::optional{backoff->initial.count()} : std::nullopt);
  parameters.append(backoff ? std::optional{backoff->factor} : std::nullopt);
  parameters.append(backoff ? std::optional{backoff->max.count()} : std::nullopt);
  parameters.append(backoff ? std::optional{std::string{name(backoff->jitter)}} : std::nullopt);
  parameters.append(defaults.on_failure ? std::optional{std::string{name(*defaults.on_failure)}} : std::nullopt);
  parameters.append(count(defaults.timeout));
  parameters.append(count(defaults.lease));
  parameters.append(kind.settings.concurrency);
  const auto& pause = kind.pause;
  parameters.append(pause ? std::optional{pause->since.time_since_epoch().count()} : std::nullopt);
  parameters.append(pause ? std::optional{pause->by} : std::nullopt);
  parameters.append(pause ? std::optional{pause->why} : std::nullopt);
  const auto& push = kind.settings.push;
  parameters.append(push ? std::optional{push->url} : std::nullopt);
  parameters.append(push ? std::optional{push->timeout.count()} : std::nullopt);
  parameters.append(push ? std::optional{encode_secrets(push->secrets)} : std::nullopt);
  return parameters;
}

model::Kind present(pqxx::work& transaction, const std::string& name) {
  const auto rows = transaction.exec(text(sql::kind_named), pqxx::params{name});
  if (rows.empty()) {
    return model::Kind{.name = name, .revision = 0, .settings = {}, .pause = std::nullopt};
  }
  return kind_of(rows.front());
}

struct Stored {
  model::Kind kind;
  bool has_changed{};
};

/// What the change makes of the kind, stored but not committed.
Result<Stored> store_change(pqxx::work& transaction, const model::KindChange& change) {
  const auto revision = transaction.query_value<std::uint64_t>(text(sql::next_kind_revision));
  const model::Kind before = present(transaction, change.kind);
  const auto now_us = transaction.query_value<std::int64_t>(text(sql::wall_clock));
  auto after = model::changed(before, change, model::WallTime{model::microseconds{now_us}});
  if (!after.ok()) {
    return after.error();
  }
  if (*after == before) {
    return Stored{before, false};
  }
  if (after->is_plain()) {
    after->revision = 0;
    transaction.exec(text(sql::forget_kind), pqxx::params{change.kind});
    return Stored{*after, true};
  }
  if (before.is_plain() && transaction.query_value<std::uint64_t>(text(sql::count_kinds)) >= model::kinds_with_settings_max) {
    return too_many_kinds();
  }
  after->revision = revision;
  transaction.exec(text(sql::store_kind), parameters_of(*after));
  return Stored{*after, true};
}

} // namespace

Result<std::optional<Kinds>> OwnershipTables::kinds_since(std::uint64_t revision) {
  return connection_.attempt([&](pqxx::connection& connection) -> Result<std::optional<Kinds>> {
    pqxx::nontransaction transaction{connection};
    std::optional<Kinds> read;
    try {
      for (const auto& row : transaction.exec(text(sql::kinds_since), pqxx::params{revision})) {
        if (!read) {
          read = Kinds{.revision = row[0].as<std::uint64_t>(), .kinds = {}};
        }
        if (!row[1].is_null()) {
          read->kinds.push_back(kind_of(row));
        }
      }
    } catch (const pqxx::undefined_table&) {
      return model::Error{
          model::Errc::unavailable, "the schema of this database is older than this program: run `turnwise migrate`", {}};
    }
    return read;
  });
}

Result<model::Kind> OwnershipTables::change_kind(const model::KindChange& change) {
  bool is_committing = false;
  auto result = connection_.attempt([&](pqxx::connection& connection) -> Result<model::Kind> {
    pqxx::work transaction{connection};
    const auto stored = store_change(transaction, change);
    if (!stored.ok()) {
      return stored.error();
    }
    if (stored->has_changed) {
      is_committing = true;
      transaction.commit();
      is_committing = false;
    }
    return stored->kind;
  });
  if (!result.ok() && is_committing) {
    return model::Error{
        model::Errc::outcome_unknown, "PostgreSQL did not say whether the change was stored: look at the kind", {}};
  }
  return result;
}

} // namespace turnwise::storage::postgres
