// Options: one declaration for flag, environment, file and documentation.
#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "app/config/node_options.hpp"
#include "app/config/option_set.hpp"
#include "app/config/toml.hpp"

using namespace turnwise;
using namespace std::chrono_literals;

namespace {

/// A file that goes away with the test.
class TemporaryFile {
public:
  explicit TemporaryFile(std::string_view content)
      : path_(std::filesystem::temp_directory_path() / ("turnwise-config-" + std::to_string(getpid()) + ".toml")) {
    std::ofstream(path_) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }

private:
  std::filesystem::path path_;
};

struct EnvironmentVariable {
  EnvironmentVariable(const char* given, const char* value) : name(given) { setenv(name, value, 1); }
  ~EnvironmentVariable() { unsetenv(name); }
  EnvironmentVariable(const EnvironmentVariable&) = delete;
  EnvironmentVariable& operator=(const EnvironmentVariable&) = delete;
  const char* name;
};

struct Read {
  config::NodeOptions options;
  std::string in_force;
};

Read read(std::vector<std::string> arguments) {
  Read read;
  CLI::App app;
  const auto set = config::declare_node_options(app, read.options, config::Database::given);
  std::reverse(arguments.begin(), arguments.end());
  app.parse(arguments);
  read.in_force = config::in_force(set, read.options);
  return read;
}

Read read_file(std::string_view content, std::vector<std::string> arguments = {}) {
  const TemporaryFile file(content);
  arguments.insert(arguments.end(), {"--config", file.path()});
  return read(std::move(arguments));
}

bool is_refused(std::string_view content) {
  try {
    read_file(content);
    return false;
  } catch (const CLI::ParseError&) {
    return true;
  }
}

/// A file of the source tree, in which the tests are run.
std::filesystem::path find_upwards(std::string_view name) {
  for (auto folder = std::filesystem::current_path(); folder.has_relative_path(); folder = folder.parent_path()) {
    if (std::filesystem::exists(folder / name)) {
      return folder / name;
    }
  }
  return name;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

TEST_CASE("the example file shows exactly the declared options with their texts and defaults") {
  INFO("write it anew with: turnwise serve --example > conf/turnwise.toml");
  CHECK(content_of(find_upwards("conf/turnwise.toml")) == config::example_file());
}

TEST_CASE("the example file says what holds without a file") {
  const auto with_file = read_file(config::example_file());
  CHECK(with_file.in_force == read({}).in_force);
}

TEST_CASE("a flag wins over the environment, the environment over the file, the file over the default") {
  const std::string_view file = "http-threads = 3\nlanes = 3\nreaders = 3\nlisten = \"127.0.0.1:1\" # a comment\n";
  const EnvironmentVariable lanes("TURNWISE_LANES", "4");
  const EnvironmentVariable readers("TURNWISE_READERS", "4");
  const auto options = read_file(file, {"--readers", "5"}).options;
  CHECK(options.engine.scheduler_threads == 2);
  CHECK(options.http_threads == 3);
  CHECK(options.engine.lanes == 4);
  CHECK(options.engine.readers == 5);
  CHECK(options.listen == "127.0.0.1:1");
}

TEST_CASE("an empty variable of the environment counts for nothing") {
  const EnvironmentVariable lanes("TURNWISE_LANES", "");
  const EnvironmentVariable config("TURNWISE_CONFIG", "");
  CHECK(read_file("lanes = 3\n").options.engine.lanes == 3);
  CHECK(read({}).options.engine.lanes == 2);
}

TEST_CASE("a node's name is a short text for people") {
  auto options = read({}).options;
  for (const std::string name : {"\xff", "a\nb", ""}) {
    options.engine.node_name = name;
    CHECK_FALSE(config::validate(options).empty());
  }
  options.engine.node_name = std::string(101, 'x');
  CHECK_FALSE(config::validate(options).empty());
  options.engine.node_name = "Zürich 1";
  CHECK(config::validate(options).empty());
}

TEST_CASE("a value out of bounds is refused") {
  CHECK_THROWS_AS(read({"--lanes", "0"}), CLI::ParseError);
  CHECK_THROWS_AS(read({"--lanes", "many"}), CLI::ParseError);
  CHECK_THROWS_AS(read({"--log-format", "xml"}), CLI::ParseError);
  CHECK_THROWS_AS(read({"--beat", "1"}), CLI::ParseError);
  CHECK_THROWS_AS(read({"--beat", "1m"}), CLI::ParseError);
  CHECK_THROWS_AS(read({"--config", "/no/such/file"}), CLI::ParseError);
  CHECK(read({"--beat", "250ms"}).options.engine.beat == 250ms);
}

TEST_CASE("an unknown or repeated entry of the file is refused") {
  CHECK(is_refused("http-thread = 3\n"));
  CHECK(is_refused("lanes = 2\nlanes = 3\n"));
  CHECK(is_refused("[database]\nurl = \"x\"\n"));
  CHECK(is_refused("lanes = two\n"));
  CHECK(is_refused("lanes\n"));
  CHECK(is_refused("[exec.k]\ncommand = \"/bin/true\"\n"));
  CHECK(is_refused("[exec.k]\ncommands = [\"/bin/true\"]\n"));
}

TEST_CASE("kinds that run as commands are read from the file") {
  const auto read = read_file(R"(
[exec.build_coverage]
command = ["/bin/sh", "-c", "echo '# not a comment', \"quoted\"",
           '\d+']   # over two lines
timeout = "10m"
concurrency = 4

[exec."with.dot"]
command = ["/bin/true"]
)");
  REQUIRE(read.options.exec.size() == 2);
  const auto& exec = read.options.exec[0];
  CHECK(exec.kind == "build_coverage");
  CHECK(exec.argv == std::vector<std::string>{"/bin/sh", "-c", "echo '# not a comment', \"quoted\"", "\\d+"});
  CHECK(exec.timeout == 10min);
  CHECK(exec.concurrency == 4);
  CHECK(read.options.exec[1].kind == "with.dot");
  CHECK(config::validate(read.options).empty());
  CHECK(read_file(read.in_force).in_force == read.in_force);
}

TEST_CASE("an address that others can reach needs a word of its own") {
  auto options = read({}).options;
  CHECK(config::validate(options).empty());
  for (const auto* address : {"127.0.0.2:7171", "[::1]:7171", "localhost:0"}) {
    options.listen = address;
    CHECK(config::validate(options).empty());
  }
  for (const auto* address : {"0.0.0.0:7171", "[::]:7171", "192.168.1.2:7171", "example.org:80"}) {
    options.listen = address;
    options.insecure = false;
    CHECK(config::validate(options).size() == 1);
    options.insecure = true;
    CHECK(config::validate(options).empty());
  }
  options.listen = "7171";
  CHECK(config::validate(options).size() == 1);
}

TEST_CASE("with tokens, other machines may reach a node, on either of its addresses") {
  auto options = read({"--auth", "tokens", "--listen", "0.0.0.0:7171", "--admin-listen", "10.0.0.1:7172"}).options;
  CHECK(options.asks_tokens());
  CHECK(config::validate(options).empty());
  options.auth = "none";
  const auto faults = config::validate(options);
  REQUIRE(faults.size() == 2);
  CHECK(faults[0].starts_with("listen: "));
  CHECK(faults[1].starts_with("admin-listen: "));
  CHECK(faults[1].find("auth = \"tokens\"") != std::string::npos);
  options.listen = "127.0.0.1:7171";
  options.admin_listen = "7172";
  CHECK(config::validate(options).size() == 1);
  CHECK_THROWS_AS(read({"--auth", "passwords"}), CLI::ParseError);
}

TEST_CASE("a certificate and its key go together") {
  CHECK(config::validate(read({"--tls-certificate", "a.crt", "--tls-key", "a.key"}).options).empty());
  CHECK(config::validate(read({"--tls-certificate", "a.crt"}).options).size() == 1);
  CHECK(config::validate(read({"--tls-key", "a.key"}).options).size() == 1);
}

TEST_CASE("a password is not shown") {
  CHECK(config::without_password("postgresql://me:secret@db/x") == "postgresql://me:***@db/x");
  CHECK(config::without_password("host=db password='a b' user=me") == "host=db password=*** user=me");
  CHECK(config::without_password("postgresql:///turnwise") == "postgresql:///turnwise");
}

TEST_CASE("a text survives being written as TOML and read again") {
  for (const std::string text : {"plain", "a \"b\" \\ # c", "tab\tand\nline", "", "'single'"}) {
    const auto parsed = config::parse_toml("key = " + config::toml_string(text));
    REQUIRE(parsed.ok());
    CHECK(parsed->front().values.front() == text);
  }
}

TEST_CASE("a fault in a file is told with its line") {
  CHECK(config::parse_toml("a = 1\n\n# c\nb = \"open\n").error().detail.find("line 4") == 0);
  CHECK(config::parse_toml("a = [1,\n2\n").error().detail.find("line 3") == 0);
  CHECK_FALSE(config::parse_toml("a = 1 2").ok());
  CHECK_FALSE(config::parse_toml("[a").ok());
  CHECK_FALSE(config::parse_toml("a = \"\\x\"").ok());
}
