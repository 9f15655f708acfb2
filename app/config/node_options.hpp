// Everything that a node can be told.
#pragma once

#include <string>
#include <vector>

#include "actors/engine.hpp"
#include "app/handlers/exec_kind.hpp"
#include "app/logging/logging.hpp"

// Programs that link the library include this header, and need no CLI11 for it.
namespace CLI {
class App;
}

namespace turnwise::config {

class OptionSet;

/// Where the node may push jobs to.
struct PushOptions {
  std::vector<std::string> allow; ///< networks beside the public internet
  bool http{};                    ///< also in the clear
  std::string ca_file;            ///< PEM; empty: the system's
};

struct NodeOptions {
  std::string database{"postgresql:///turnwise"};
  std::string listen{"127.0.0.1:7171"};
  bool insecure{};
  std::string auth{"none"};    ///< "tokens" or "none"
  std::string tls_certificate; ///< files; both or neither
  std::string tls_key;
  std::string admin_listen; ///< for operators alone; empty: they are answered on `listen`
  std::string audit_log;    ///< a file; empty: the log

  [[nodiscard]] bool asks_tokens() const { return auth == "tokens"; }
  unsigned http_threads{2};
  std::size_t connections_max{12'000};
  logging::Options log;
  actors::EngineConfig engine;
  PushOptions push;
  std::vector<handlers::ExecKind> exec; ///< from the file only: no request and no variable of the environment adds a command
};

/// Who brings the database.
enum class Database { given, private_one };

/// Declares all options of a node on `app`, with the configuration file (--config, TURNWISE_CONFIG). `options` and `app` must
/// outlive the set. A flag wins over the environment, that over the file, and that over the default.
OptionSet declare_node_options(CLI::App& app, NodeOptions& options, Database database);

/// Empty when a node can start with these options; else one sentence per fault that says what to do.
std::vector<std::string> validate(const NodeOptions& options);

/// What is in force, as a configuration file. Passwords are hidden.
std::string in_force(const OptionSet& set, const NodeOptions& options);

/// The file conf/turnwise.toml: every option with its text and default.
std::string example_file();

} // namespace turnwise::config
