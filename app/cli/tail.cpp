// turnwise tail: what happens on a node, as it happens.
#include <iostream>
#include <optional>
#include <thread>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "app/cli/client_calls.hpp"
#include "app/cli/parse.hpp"
#include "app/client/url.hpp"
#include "app/node/run.hpp"

namespace turnwise::cli {
namespace {

/// Longer than a node ever says nothing.
constexpr std::chrono::seconds silence_max{40};
constexpr std::chrono::seconds reconnect_gap{1};

struct TailOptions {
  std::string subject, kind;
  std::size_t count{};
};

/// Takes a stream of server-sent events apart, shows them, and knows where to go on.
class Shown {
public:
  Shown(bool json, std::size_t count) : json_(json), left_(count) {}

  /// @returns whether more is wanted
  bool take(std::string_view bytes) {
    buffer_ += bytes;
    for (std::size_t end = 0; (end = buffer_.find('\n')) != std::string::npos;) {
      line(std::string_view{buffer_}.substr(0, end));
      buffer_.erase(0, end + 1);
      if (has_enough_) {
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] const std::string& last_id() const { return last_id_; }
  [[nodiscard]] bool has_enough() const { return has_enough_; }
  void begin_again() { buffer_.clear(); }

private:
  void line(std::string_view text) {
    if (text.starts_with("id: ")) {
      last_id_ = text.substr(4);
    } else if (text.starts_with("event: ")) {
      event_ = text.substr(7);
    } else if (text.starts_with("data: ")) {
      show(text.substr(6));
    }
  }

  void show(std::string_view data) {
    if (event_ == "gap") {
      std::cerr << "turnwise: some events are missing here: they came faster than they were read, or the node was another\n";
      return;
    }
    if (json_) {
      std::cout << data << std::endl;
    } else {
      const auto event = boost::json::parse(data).as_object();
      std::cout << fmt::format("{}  {:<16}  {}  {}  {}", member(event, "at"), member(event, "event"), member(event, "id"),
                               member(event, "subject"), member(event, "kind"))
                << std::endl;
    }
    has_enough_ = left_ != 0 && --left_ == 0;
  }

  bool json_;
  std::size_t left_; ///< 0: without end
  bool has_enough_{};
  std::string buffer_;
  std::string event_;
  std::string last_id_;
};

} // namespace

int tail(const Arguments& arguments) {
  ClientOptions options;
  TailOptions wanted;
  CLI::App app;
  describe(app, "tail", "Show what happens on a node, as it happens, until Ctrl-C",
           "After a lost connection it goes on where it was, as far as the node still knows.");
  declare(app, options);
  app.add_option("--subject", wanted.subject, "Of this subject only");
  app.add_option("--kind", wanted.kind, "Of jobs of this kind only");
  app.add_option("--count", wanted.count, "End after so many events; 0: never")->capture_default_str();
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  std::string target = "/v1/events?";
  for (const auto& [name, value] : {std::pair{"subject", &wanted.subject}, {"kind", &wanted.kind}}) {
    target += value->empty() ? "" : fmt::format("{}={}&", name, client::percent_encode(*value));
  }
  target.pop_back();
  auto client = open_client(options);
  if (const auto* failed = std::get_if<int>(&client)) {
    return *failed;
  }
  Shown shown{options.json, wanted.count};
  for (bool heard = false; !shown.has_enough(); std::this_thread::sleep_for(reconnect_gap)) {
    std::vector<client::Header> headers;
    if (!shown.last_id().empty()) {
      headers.push_back({"Last-Event-ID", shown.last_id()});
    }
    shown.begin_again();
    const auto answer = std::get<client::Client>(client).follow(target, headers, silence_max, [&](std::string_view bytes) {
      heard = true;
      return shown.take(bytes);
    });
    if (shown.has_enough()) {
      break;
    }
    if (answer.ok() && answer->status >= 300) {
      print_refusal(*answer);
      return node::exit_failed;
    }
    if (!heard) {
      std::cerr << fmt::format("turnwise: {}\nIs a node running at {}? `turnwise dev` starts one.\n",
                               answer.ok() ? "the answer was empty" : answer.error().detail, options.url);
      return node::exit_failed;
    }
    std::cerr << "turnwise: the connection was lost; trying again\n";
  }
  return node::exit_done;
}

} // namespace turnwise::cli
