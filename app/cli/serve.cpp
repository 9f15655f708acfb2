// turnwise serve: a node on a PostgreSQL that somebody else runs.
#include <iostream>

#include "app/cli/parse.hpp"
#include "app/config/node_options.hpp"
#include "app/config/option_set.hpp"
#include "app/node/run.hpp"
#include "storage/postgres/store.hpp"

namespace turnwise::cli {
namespace {

constexpr std::string_view footer =
    "Exit status: 0 stopped as asked, 1 could not start, or not stop in order since PostgreSQL did not answer,\n"
    "2 wrong options, 3 declared dead by the cluster.\n"
    "SIGTERM, SIGINT and SIGHUP drain the node: running work is given time, nothing new is begun; a second\n"
    "signal ends it at once.";

constexpr std::string_view unreachable = "The node needs a PostgreSQL 14 or newer that it can reach with --database (or "
                                         "TURNWISE_DATABASE), and `turnwise migrate` to have "
                                         "been run on it. Without one at hand, `turnwise dev` brings its own.";

bool tell(const std::vector<std::string>& faults) {
  for (const auto& fault : faults) {
    std::cerr << "turnwise: " << fault << '\n';
  }
  return !faults.empty();
}

} // namespace

int serve(const Arguments& arguments) {
  CLI::App app;
  config::NodeOptions options;
  const auto set = config::declare_node_options(app, options, config::Database::given);
  bool check = false;
  app.add_flag("--check", check, "Only say what is in force and what is wrong with it")->configurable(false);
  bool example = false;
  app.add_flag("--example", example, "Only print a configuration file with every option, its text and its default")
      ->configurable(false);
  describe(app, "serve", "Runs a node: takes jobs over HTTP, keeps them in PostgreSQL, gives each subject its turns.", footer);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  if (example) {
    std::cout << config::example_file();
    return node::exit_done;
  }
  if (check) {
    std::cout << config::in_force(set, options);
  }
  if (tell(config::validate(options))) {
    return node::exit_usage;
  }
  if (check) {
    return node::exit_done;
  }

  node::Parts parts;
  if (!options.exec.empty()) { // before this process has threads
    auto spawner = handlers::Spawner::fork();
    if (!spawner) {
      tell({spawner.error().detail});
      return node::exit_failed;
    }
    parts.spawner = std::move(*spawner);
  }
  logging::set_up(options.log);
  parts.store = storage::open_postgres({.connection = options.database});
  parts.options = std::move(options);
  parts.up = [](const std::string& url) { std::cerr << "turnwise serves on " << url << '\n'; };
  parts.unreachable_hint = unreachable;
  return node::run(std::move(parts));
}

} // namespace turnwise::cli
