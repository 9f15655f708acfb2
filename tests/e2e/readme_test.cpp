// The API by example, as the README has it, is run line by line against the real node: what people copy works.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include <boost/json.hpp>

#include "tests/e2e/node_process.hpp"

namespace turnwise::tests {
namespace {

namespace json = boost::json;

/// A command of the README, and the answer that it shows: "201 {…}", perhaps none.
struct Example {
  std::string command;
  std::string answer;
};

/// The text under this headline, to the next one of its level.
std::string section(const std::string& title) {
  std::ifstream file(TURNWISE_SOURCE "/README.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const auto begin = all.find("\n## " + title + "\n");
  REQUIRE(begin != std::string::npos);
  return all.substr(begin + 4, all.find("\n## ", begin + 4) - begin - 4);
}

/// What stands in the section's shell blocks.
std::vector<Example> examples(const std::string& title) {
  std::istringstream lines(section(title));
  std::vector<Example> found;
  bool inside = false;
  bool continues = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      inside = line == "```sh";
    } else if (inside && line.starts_with("# ")) {
      REQUIRE_FALSE(found.empty());
      found.back().answer += line.substr(1);
    } else if (inside) {
      if (!continues) {
        found.emplace_back();
      }
      continues = line.ends_with('\\');
      found.back().command += line + "\n";
    }
  }
  return found;
}

/// The first member of this name, wherever it is; null when there is none.
const json::value* find_member(const json::value& value, std::string_view name) {
  if (const auto* object = value.if_object()) {
    if (const auto* member = object->if_contains(name)) {
      return member;
    }
    for (const auto& [key, inner] : *object) {
      if (const auto* member = find_member(inner, name)) {
        return member;
      }
    }
  } else if (const auto* array = value.if_array()) {
    for (const auto& inner : *array) {
      if (const auto* member = find_member(inner, name)) {
        return member;
      }
    }
  }
  return nullptr;
}

/// Runs examples one after the other. What the README shows as ids, receipts and tokens stands for what the node really gave.
class Reader {
public:
  explicit Reader(const NodeProcess& node) : address_(node.address()) {}

  void run(const Example& example) {
    const std::string command = translate(example.command);
    CAPTURE(command);
    const std::string output = call(command);
    CAPTURE(output);
    if (command.starts_with("curl ")) {
      const auto last_line = output.rfind('\n');
      REQUIRE(last_line != std::string::npos);
      compare(example.answer, output.substr(0, last_line), output.substr(last_line + 1));
    }
  }

private:
  std::string translate(std::string command) const {
    replace_all(command, "localhost:7171", address_);
    for (const auto& [shown, real] : real_values_) {
      replace_all(command, shown, real);
    }
    return command;
  }

  static void replace_all(std::string& text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
      text.replace(at, from.size(), to);
    }
  }

  /// The output; after that of curl, in a line of its own, the status of the answer.
  std::string call(std::string command) const {
    if (command.starts_with("curl ")) {
      command.insert(4, " --max-time 30 -w '\\n%{http_code}'");
    }
    const std::string program = TURNWISE_PROGRAM;
    const std::string surroundings =
        "export TURNWISE_URL=http://" + address_ + " PATH='" + program.substr(0, program.rfind('/')) + "':\"$PATH\"\n";
    std::FILE* const pipe = ::popen((surroundings + command).c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string output;
    std::array<char, 4096> buffer{};
    while (const auto count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
      output.append(buffer.data(), count);
    }
    CHECK(::pclose(pipe) == 0);
    return output;
  }

  /// Status and members are as shown. Of several answers the first counts; the others say when they come.
  void compare(const std::string& shown, std::string answer, const std::string& status) {
    static const std::regex a_status{" *([1-5][0-9][0-9])[ ,]"};
    std::smatch found;
    if (!std::regex_search(shown, found, a_status, std::regex_constants::match_continuous)) {
      CHECK(status.starts_with("2"));
      return;
    }
    CHECK(status == found[1]);
    if (const auto head_end = answer.find("\r\n\r\n"); head_end != std::string::npos) {
      answer.erase(0, head_end + 4);
    }
    const auto body = json::parse(answer);
    std::string first = found.suffix();
    if (std::smatch next; std::regex_search(first, next, std::regex{"[}…] +[1-5][0-9][0-9] [{]"})) {
      first = next.prefix();
    }
    static const std::regex a_member{"\"([a-z_]+)\":\"([^\"]*)\""};
    for (auto member = std::sregex_iterator(first.begin(), first.end(), a_member); member != std::sregex_iterator(); ++member) {
      CAPTURE((*member)[0].str());
      const auto* value = find_member(body, (*member)[1].str());
      REQUIRE(value != nullptr);
      learn((*member)[2], std::string{value->as_string()});
    }
  }

  void learn(const std::string& shown, const std::string& real) {
    if (const auto known = real_values_.find(shown); known != real_values_.end()) {
      CHECK(known->second == real);
    } else if (std::ranges::count_if(shown, [](char c) { return c >= '0' && c <= '9'; }) >= 8) {
      real_values_[shown] = real; // an id, a receipt, a token, a time
    } else {
      CHECK(shown == real);
    }
  }

  struct LongestFirst {
    bool operator()(const std::string& left, const std::string& right) const {
      return left.size() != right.size() ? left.size() > right.size() : left < right;
    }
  };
  std::string address_;
  std::map<std::string, std::string, LongestFirst> real_values_;
};

TEST_CASE("the API by example works as the README shows it") {
  const TestDatabase database;
  NodeProcess node{database.connection()};
  node.start();
  const auto found = examples("The API by example");
  REQUIRE(found.size() >= 8);
  Reader reader{node};
  for (const auto& example : found) {
    reader.run(example);
  }
}

} // namespace
} // namespace turnwise::tests
