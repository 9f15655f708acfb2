// What the commands that talk to a node share. Their exit status:
//
//   0  done                     4  the job ended, but not with success (job --wait, submit --wait)
//   1  refused or unreachable   5  nothing came in the time given (claim without a turn, a job that is not final yet)
//   2  wrong command line
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "app/client/client.hpp"

namespace turnwise::cli {

enum ClientExit : int { exit_unsuccessful = 4, exit_nothing = 5 };

/// Options that all these commands have.
struct ClientOptions {
  std::string url{"http://127.0.0.1:7171"};
  std::string token; ///< or @FILE
  std::string ca;
  bool json{};
};
void declare(CLI::App& app, ClientOptions& options);

struct Call {
  std::string_view method;
  std::string target;
  std::string body{};
  std::vector<client::Header> headers{};
  std::chrono::milliseconds wait{0};
  std::size_t opaque_depth{1}; ///< where the answer has payloads, see json::OpaqueMembers
};

/// What the node said.
struct Heard {
  std::string text;
  boost::json::value value; ///< the text as an object
  [[nodiscard]] const boost::json::object& members() const { return value.get_object(); }
};

/// @returns a client for the node; or the exit status after a word on stderr, when the options make none
std::variant<client::Client, int> open_client(const ClientOptions& options);
/// What the node said against it, on stderr.
void print_refusal(const client::Reply& reply);

/// Makes the call. @returns the answer; or the exit status, when there was none or it was a refusal: then that has been printed
/// to
///          stderr with what to do
std::variant<Heard, int> ask(const ClientOptions& options, const Call& call);

using Print = std::function<void(const boost::json::object&)>;

/// With --json prints the answer as it is, else calls `print` with it.
void show(const ClientOptions& options, const Heard& heard, const Print& print);

/// Asks and shows. @param status  what an answer means, beside exit_done; may be null
/// @returns the exit status
int make_call(const ClientOptions& options, const Call& call, const Print& print,
              const std::function<int(const boost::json::object&)>& status = nullptr);

/// A member as text for people: a string without quotes, anything else as JSON (payload, result and metadata exactly as the
/// node wrote them); empty when absent.
std::string member(const boost::json::object& object, std::string_view name);

/// The JSON that an option gives: the text itself, @FILE, or - for stdin.
std::string json_argument(const std::string& text);

/// Lines "name   value" for those members that the object has.
void print_members(const boost::json::object& object, std::initializer_list<std::string_view> names);

/// Rows in columns as wide as their widest cell.
void print_table(const std::vector<std::vector<std::string>>& rows);

} // namespace turnwise::cli
