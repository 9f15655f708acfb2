// Failpoints and mutants, armed by the environment. Empty unless the build has test hooks.
#include "model/test_hooks.hpp"

#ifdef TURNWISE_TEST_HOOKS

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace turnwise::model {

namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

/// Cuts the text up to the next comma off the list.
std::string_view next_item(std::string_view& list) {
  const std::string_view item = list.substr(0, list.find(','));
  list.remove_prefix(item.size() == list.size() ? item.size() : item.size() + 1);
  return item;
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// What one item of TURNWISE_FAILPOINTS asks for: `verb[:argument][@time]`.
struct Order {
  std::string_view verb;
  std::uint64_t argument{};
  std::uint64_t only_at{}; // zero: every time
};

std::optional<Order> order_for(std::string_view name) {
  for (std::string_view list = variable("TURNWISE_FAILPOINTS"); !list.empty();) {
    const std::string_view item = next_item(list);
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos || item.substr(0, equals) != name) {
      continue;
    }
    Order order{.verb = item.substr(equals + 1)};
    if (const std::size_t at = order.verb.find('@'); at != std::string_view::npos) {
      order.only_at = number(order.verb.substr(at + 1));
      order.verb = order.verb.substr(0, at);
    }
    if (const std::size_t colon = order.verb.find(':'); colon != std::string_view::npos) {
      order.argument = number(order.verb.substr(colon + 1));
      order.verb = order.verb.substr(0, colon);
    }
    return order;
  }
  return std::nullopt;
}

struct Passage {
  std::uint64_t passed{};
  bool told{};
};

/// Counts a passage through an armed failpoint; says whether to act, and tells of the first time on stderr: the proof that
/// the failpoint did fire.
bool shall_act(std::string_view name, const Order& order) {
  static std::mutex mutex;
  static std::map<std::string, Passage, std::less<>> passages;
  const std::lock_guard lock{mutex};
  Passage& passage = passages[std::string{name}];
  ++passage.passed;
  if (order.only_at != 0 && passage.passed != order.only_at) {
    return false;
  }
  if (!passage.told) {
    passage.told = true;
    std::fprintf(stderr, "failpoint %.*s: %.*s\n", static_cast<int>(name.size()), name.data(),
                 static_cast<int>(order.verb.size()), order.verb.data());
    std::fflush(stderr);
  }
  return true;
}

} // namespace

bool failpoint(std::string_view name) {
  const auto order = order_for(name);
  if (!order || !shall_act(name, *order)) {
    return false;
  }
  if (order->verb == "abort") {
    kill(getpid(), SIGKILL);
  }
  if (order->verb == "sleep") {
    std::this_thread::sleep_for(std::chrono::milliseconds{order->argument});
  }
  return order->verb == "error";
}

bool mutant(std::string_view name) {
  for (std::string_view list = variable("TURNWISE_MUTANTS"); !list.empty();) {
    if (next_item(list) == name) {
      return true;
    }
  }
  return false;
}

} // namespace turnwise::model

#endif
