#include "app/cli/client_calls.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "app/json/parse.hpp"
#include "app/node/run.hpp"
#include "app/text.hpp"

namespace turnwise::cli {
namespace {

std::string token_of(const ClientOptions& options) {
  return std::string{trim(options.token.starts_with('@') ? json_argument(options.token) : options.token, " \t\r\n")};
}

} // namespace

void print_refusal(const client::Reply& reply) {
  boost::json::error_code ignored;
  const auto problem = boost::json::parse(reply.body, ignored);
  if (!problem.is_object()) {
    std::cerr << fmt::format("turnwise: the node answered with status {}\n", reply.status);
    return;
  }
  const auto& members = problem.get_object();
  const auto detail = member(members, "detail");
  std::cerr << fmt::format("turnwise: {}", detail.empty() ? member(members, "title") : detail);
  if (const auto pointer = member(members, "pointer"); !pointer.empty()) {
    std::cerr << fmt::format(" (at {})", pointer);
  }
  std::cerr << fmt::format(" [{} {}]\n", reply.status, member(members, "type"));
}

void declare(CLI::App& app, ClientOptions& options) {
  app.add_option("--url", options.url, "The node")->envname("TURNWISE_URL")->capture_default_str();
  app.add_option("--token", options.token, "Token for a node that asks for one; @FILE reads a file, which others cannot see")
      ->envname("TURNWISE_TOKEN");
  app.add_option("--ca", options.ca, "PEM file with the certificates to trust, instead of the system's")
      ->envname("TURNWISE_CA");
  app.add_flag("--json", options.json, "Print the node's answer as JSON, for scripts");
  app.footer("Exit status: 0 done, 1 refused or unreachable, 2 wrong command line, 4 the job ended without success,\n"
             "5 nothing came in the time given.");
}

std::variant<client::Client, int> open_client(const ClientOptions& options) {
  auto client = client::Client::open(options.url, {.token = token_of(options), .ca_file = options.ca});
  if (!client) {
    std::cerr << "turnwise: " << client.error().detail << '\n';
    return int{node::exit_usage};
  }
  return std::move(*client);
}

std::variant<Heard, int> ask(const ClientOptions& options, const Call& call) {
  auto client = open_client(options);
  if (const auto* failed = std::get_if<int>(&client)) {
    return *failed;
  }
  const auto reply = std::get<client::Client>(client).request(call.method, call.target, call.body, call.headers, call.wait);
  if (!reply) {
    std::cerr << fmt::format("turnwise: {}\nIs a node running at {}? `turnwise dev` starts one.\n", reply.error().detail,
                             options.url);
    return int{node::exit_failed};
  }
  if (reply->status >= 400) {
    if (options.json) {
      std::cout << reply->body << '\n';
    }
    print_refusal(*reply);
    return int{node::exit_failed};
  }
  auto answer = json::parse(reply->body, {.depth = call.opaque_depth}, json::depth_max + call.opaque_depth);
  if (!answer || !answer->is_object()) {
    std::cerr << "turnwise: the node's answer is no JSON object\n";
    return int{node::exit_failed};
  }
  return Heard{reply->body, std::move(*answer)};
}

void show(const ClientOptions& options, const Heard& heard, const Print& print) {
  if (options.json) {
    std::cout << heard.text << '\n';
  } else {
    print(heard.members());
  }
}

int make_call(const ClientOptions& options, const Call& call, const Print& print,
              const std::function<int(const boost::json::object&)>& status) {
  const auto answer = ask(options, call);
  if (const auto* failed = std::get_if<int>(&answer)) {
    return *failed;
  }
  const auto& heard = std::get<Heard>(answer);
  show(options, heard, print);
  return status ? status(heard.members()) : node::exit_done;
}

std::string member(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) {
    return {};
  }
  if (const auto* text = value->if_string()) {
    return {text->data(), text->size()};
  }
  return boost::json::serialize(*value);
}

std::string json_argument(const std::string& text) {
  if (text == "-") {
    return {std::istreambuf_iterator<char>(std::cin), {}};
  }
  if (text.starts_with('@')) {
    std::ifstream file(text.substr(1), std::ios::binary);
    if (!file) {
      throw CLI::ValidationError(fmt::format("cannot read the file {}", text.substr(1)));
    }
    return {std::istreambuf_iterator<char>(file), {}};
  }
  return text;
}

void print_members(const boost::json::object& object, std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    if (object.contains(name)) {
      std::cout << fmt::format("{:<16} {}\n", name, member(object, name));
    }
  }
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    std::cout << line << '\n';
  }
}

} // namespace turnwise::cli
