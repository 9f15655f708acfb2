// turnwise dev: a node with everything that it needs, in one folder.
#include <iostream>

#include <fmt/format.h>

#include "app/cli/parse.hpp"
#include "app/config/node_options.hpp"
#include "app/config/option_set.hpp"
#include "app/dev/private_postgres.hpp"
#include "app/node/run.hpp"
#include "storage/migrator.hpp"
#include "storage/postgres/store.hpp"

namespace turnwise::cli {
namespace {

constexpr std::string_view footer = "Writes are as durable as in production. Everything is in the folder; remove it to begin "
                                    "anew. A PostgreSQL that an earlier\n"
                                    "kill left running is used further. Exit status as of `turnwise serve`.";

std::string welcome(const std::string& url, const std::string& connection) {
  return fmt::format("\nTurnwise serves on {}\n\n"
                     "  submit a job    turnwise submit artifact:1 build_coverage --payload '{{\"commit\":\"4f2a\"}}'\n"
                     "  take a turn     turnwise claim --worker me --kind build_coverage\n"
                     "  see who waits   turnwise subject artifact:1\n"
                     "  the journal     psql \"{}\"\n\n"
                     "Ctrl-C stops the node and its PostgreSQL.\n\n",
                     url, connection);
}

/// However this ends: by a drain, an error or an exception. Only a process that is ended at once leaves its PostgreSQL running,
/// which the next one adopts.
class StopAtEnd {
public:
  explicit StopAtEnd(dev::PrivatePostgres& postgres) : postgres_(postgres) {}
  ~StopAtEnd() { postgres_.stop(); }
  StopAtEnd(const StopAtEnd&) = delete;
  StopAtEnd& operator=(const StopAtEnd&) = delete;

private:
  dev::PrivatePostgres& postgres_;
};

int failed(const model::Error& error) {
  std::cerr << "turnwise: " << error.detail << '\n';
  return node::exit_failed;
}

} // namespace

int dev(const Arguments& arguments) {
  CLI::App app;
  config::NodeOptions options;
  const auto set = config::declare_node_options(app, options, config::Database::private_one);
  std::string folder = ".turnwise";
  app.add_option("--data", folder, "Folder for the private PostgreSQL; in one that exists already it gets a folder of its own")
      ->capture_default_str()
      ->configurable(false);
  describe(app, "dev", "Runs a node with a private PostgreSQL, for one machine: starts it, migrates it, stops it at the end.",
           footer);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  for (const auto& fault : config::validate(options)) {
    std::cerr << "turnwise: " << fault << '\n';
    return node::exit_usage;
  }

  node::Parts parts;
  if (!options.exec.empty()) { // before this process has threads
    auto spawner = handlers::Spawner::fork();
    if (!spawner) {
      return failed(spawner.error());
    }
    parts.spawner = std::move(*spawner);
  }
  logging::set_up(options.log);
  auto started = dev::PrivatePostgres::start(folder);
  if (!started) {
    return failed(started.error());
  }
  const std::shared_ptr<dev::PrivatePostgres> postgres = std::move(*started);
  const StopAtEnd stop_at_end(*postgres);
  if (const auto migrated = storage::migrate(postgres->connection()); !migrated) {
    return failed(migrated.error());
  }
  parts.options = std::move(options);
  parts.store = storage::open_postgres({.connection = postgres->connection()});
  parts.up = [postgres](const std::string& url) { std::cerr << welcome(url, postgres->connection()); };
  return node::run(std::move(parts));
}

} // namespace turnwise::cli
