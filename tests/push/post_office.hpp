// A courier in the hands of a test, and what came of each delivery.
#pragma once

#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <catch2/catch_test_macros.hpp>

#include "app/push/courier.hpp"
#include "tests/push/receiver.hpp"

namespace turnwise::push::testing {

inline const std::string test_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

inline std::shared_ptr<const Target> target(std::string url, milliseconds timeout = patience) {
  return std::make_shared<const Target>(Target{std::move(url), {{decode_secret(test_secret).value(), {}}}, timeout});
}

inline Delivery delivery(std::shared_ptr<const Target> to) {
  Delivery made;
  made.target = std::move(to);
  made.job = "15100000001n";
  made.subject = "artifact:1";
  made.kind = "build_coverage";
  made.payload = R"({"n":1.10})";
  made.receipt = "15100000001n-1-1cb8440sbhtknxr41dnc0gpv8y";
  made.attempt = model::Attempt{1};
  made.fencing_token = model::FencingToken{9'007'199'254'740'993};
  made.lease = milliseconds{30'000};
  return made;
}

/// May go to 127.0.0.1, in the clear, too.
inline CourierConfig open_config() {
  CourierConfig config;
  config.transfers.rules = AddressRules({parse_network("127.0.0.1").value()});
  config.transfers.schemes = Schemes::https_and_http;
  return config;
}

/// A delivery on its way.
struct Underway {
  std::stop_source stop;
  std::future<Outcome> outcome;

  Outcome wait() {
    if (outcome.wait_for(patience) != std::future_status::ready) {
      throw std::runtime_error("nothing came of a delivery");
    }
    return outcome.get();
  }
  /// The outcome, which has to be of this sort.
  template <class Wanted>
  Wanted wait_for() {
    auto came = wait();
    if (!std::holds_alternative<Wanted>(came)) {
      FAIL("the outcome is another one, number " << came.index() << ": " << error_of(came));
    }
    return std::get<Wanted>(came);
  }
  [[nodiscard]] bool is_over() { return outcome.wait_for(milliseconds{0}) == std::future_status::ready; }

private:
  static std::string error_of(const Outcome& outcome) {
    if (const auto* later = std::get_if<handlers::RetryLater>(&outcome)) {
      return later->error;
    }
    const auto* never = std::get_if<handlers::GiveUp>(&outcome);
    return never == nullptr ? "" : never->error;
  }
};

class PostOffice {
public:
  explicit PostOffice(CourierConfig config = open_config()) {
    auto started = Courier::start(std::move(config));
    REQUIRE(started.ok());
    courier = std::move(started).value();
  }

  Underway send(Delivery made) {
    auto promise = std::make_shared<std::promise<Outcome>>();
    Underway underway{{}, promise->get_future()};
    courier->deliver(std::move(made), underway.stop.get_token(),
                     [promise](Outcome outcome) { promise->set_value(std::move(outcome)); });
    return underway;
  }
  Underway send_to(const std::string& url, milliseconds timeout = patience) { return send(delivery(target(url, timeout))); }

  std::unique_ptr<Courier> courier;
};

} // namespace turnwise::push::testing
