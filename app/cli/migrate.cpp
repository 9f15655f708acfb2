// turnwise migrate: the schema of the journal.
#include <iostream>

#include <fmt/format.h>

#include "app/cli/parse.hpp"
#include "app/config/option_set.hpp"
#include "app/node/run.hpp"
#include "model/limits.hpp"
#include "storage/migrator.hpp"

namespace turnwise::cli {
namespace {

void print(const std::vector<storage::MigrationStatus>& migrations) {
  for (const auto& migration : migrations) {
    std::cout << fmt::format("{:04}  {:<32}  {}\n", migration.number, migration.name,
                             migration.applied ? migration.applied_at : "not applied");
  }
}

} // namespace

int migrate(const Arguments& arguments) {
  CLI::App app;
  config::OptionSet set(app);
  std::string database = "postgresql:///turnwise";
  std::uint16_t shards = 256;
  bool status_only = false;
  set.section("Place");
  set.secret("database", database, "PostgreSQL, as a libpq connection string or URI; the role must be allowed to make tables");
  set.number<std::uint16_t>("shards", shards, "Shards of a new cluster; an existing one keeps its own", 1,
                            model::shard_count_max);
  app.add_flag("--status", status_only, "Only show what was applied when; exit status 1 when something is missing");
  describe(app, "migrate", "Applies the migrations that the database lacks, each in a transaction of its own.");
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  const auto done = status_only ? storage::migration_status(database) : storage::migrate(database, shards);
  if (!done) {
    std::cerr << "turnwise: " << done.error().detail << '\n';
    return node::exit_failed;
  }
  print(*done);
  if (!status_only) {
    std::cout << (done->empty() ? "the database is up to date\n" : fmt::format("{} applied\n", done->size()));
    return node::exit_done;
  }
  const bool complete = std::all_of(done->begin(), done->end(), [](const auto& migration) { return migration.applied; });
  return complete ? node::exit_done : node::exit_failed;
}

} // namespace turnwise::cli
