#include "app/push/courier.hpp"

#include <stdexcept>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>

#include "app/push/courier_loop.hpp"

namespace turnwise::push {

model::Result<std::unique_ptr<Courier>> Courier::start(CourierConfig config) {
  // Once for the process; libcurl makes it thread-safe since 7.84.
  static const CURLcode usable = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (usable != CURLE_OK) {
    return model::Error{model::Errc::internal, fmt::format("libcurl cannot be used: {}", curl_easy_strerror(usable)), {}};
  }
  try {
    return std::unique_ptr<Courier>(new Courier(std::make_unique<CourierLoop>(std::move(config))));
  } catch (const std::runtime_error& error) { // std::system_error is one
    return model::Error{model::Errc::internal, fmt::format("cannot start the courier: {}", error.what()), {}};
  }
}

Courier::Courier(std::unique_ptr<CourierLoop> loop) : loop_(std::move(loop)), thread_([this] { loop_->run(); }) {}

Courier::~Courier() {
  stop();
}

void Courier::deliver(Delivery delivery, std::stop_token stop, Done done) {
  Wanted wanted{std::move(delivery), std::move(stop), done};
  if (!loop_->inbox().push(std::move(wanted))) {
    done(handlers::RetryLater{"the push was broken off"});
  }
}

void Courier::stop() {
  if (thread_.joinable()) {
    loop_->inbox().push(EndAsked{});
    thread_.join();
  }
}

} // namespace turnwise::push
