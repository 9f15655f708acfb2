// A command that a node runs, how it ended, and the bytes in which node, helper and minder tell each other so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace turnwise::handlers {

inline constexpr std::size_t command_output_bytes_max = 64 * 1024;
/// argv and environment together, as they travel to the helper.
inline constexpr std::size_t command_request_bytes_max = 64 * 1024;
/// How many commands may run at a time; beyond, a start is refused.
inline constexpr std::size_t commands_max = 1'024;

/// What to run, and with what.
struct CommandSpec {
  std::vector<std::string> argv;          ///< argv[0] is looked up in the node's PATH when it has no slash
  std::vector<std::string> environment{}; ///< all of it, as NAME=value; nothing is inherited
  std::string input{};                    ///< what the command reads from stdin
};

/// How a command ended. By then everything that it started has ended too.
struct CommandEnd {
  enum class How : std::uint8_t {
    exited,      ///< `code` is its exit status
    signalled,   ///< `code` is the signal that killed it
    not_started, ///< it cannot be executed; `error` says why
    refused,     ///< the node could not start it now, which is no fault of the command; `error` says why
    lost,        ///< nobody can say: the processes that watched it are gone, or the spawner was closed; `error` says which
  };
  How how{How::lost};
  int code{};
  std::string error{};
  std::string output{}; ///< the last command_output_bytes_max bytes of stdout
  std::string errors{}; ///< the same of stderr
  bool output_truncated{};
  bool errors_truncated{};

  static CommandEnd lost(std::string why) { return {.how = How::lost, .error = std::move(why)}; }
  static CommandEnd refused(std::string why) { return {.how = How::refused, .error = std::move(why)}; }
  static CommandEnd not_started(std::string why) { return {.how = How::not_started, .error = std::move(why)}; }
};

/// The part of a CommandSpec that travels as bytes; the input travels as an open file.
struct CommandRequest {
  std::vector<std::string> argv;
  std::vector<std::string> environment;
};

std::string encode(const CommandRequest& request);
/// Nothing when the bytes are not an encoded request with at least one word of argv.
std::optional<CommandRequest> decode_request(std::string_view bytes);

std::string encode(const CommandEnd& end);
/// Nothing when the bytes are not an encoded end.
std::optional<CommandEnd> decode_end(std::string_view bytes);

/// Keeps the last bytes of a stream of any length in bounded memory.
class OutputTail {
public:
  explicit OutputTail(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  void append(std::string_view bytes);
  [[nodiscard]] bool truncated() const { return seen_ > bytes_max_; }
  /// What was kept. Called once.
  [[nodiscard]] std::string take() &&;

private:
  std::size_t bytes_max_;
  std::size_t seen_{};
  std::string text_; // up to twice the bound, so that cutting it is rare
};

} // namespace turnwise::handlers
