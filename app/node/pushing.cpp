#include "app/node/pushing.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/logging/logging.hpp"
#include "model/limits.hpp"
#include "model/subject.hpp"

namespace turnwise::node {
namespace {

constexpr std::uint32_t concurrency_default = 16;

/// Whether the pause was stored is for the log: the runner asks again when the receiver says 410 again.
class PauseReply final : public model::Recipient {
public:
  explicit PauseReply(std::string kind) : kind_(std::move(kind)) {}
  void deliver(std::uint32_t /*item*/, model::Response response) override {
    if (const auto* error = std::get_if<model::Error>(&response)) {
      spdlog::warn("push-kind-not-paused kind={} error={} detail={}", logging::quoted(kind_), model::name(error->code),
                   logging::quoted(error->detail));
    }
  }

private:
  const std::string kind_;
};

/// The addresses of listening endpoints. A name counts with all it stands for.
std::vector<push::OwnAddress> own_addresses(const std::vector<http::Endpoint>& endpoints) {
  std::vector<push::OwnAddress> all;
  for (const auto& own : endpoints) {
    if (const auto addresses = push::look_up(own.host)) {
      for (const auto& address : *addresses) {
        all.push_back({address, own.port});
      }
    }
  }
  return all;
}

push::Target target_of(const model::PushSettings& settings) {
  push::Target target{.url = settings.url, .secrets = {}, .timeout = settings.timeout};
  for (const auto& secret : settings.secrets) {
    if (auto key = push::decode_secret(secret.text)) {
      target.secrets.push_back({std::move(*key), secret.until});
    }
  }
  return target;
}

} // namespace

model::Result<std::unique_ptr<push::Courier>>
start_courier(const config::PushOptions& options, const std::vector<http::Endpoint>& own, const actors::Engine& engine) {
  std::vector<push::Network> allowed;
  for (const auto& text : options.allow) {
    auto network = push::parse_network(text);
    if (!network) {
      return network.error();
    }
    allowed.push_back(*network);
  }
  push::CourierConfig config;
  config.transfers = {.rules = push::AddressRules(std::move(allowed), own_addresses(own)),
                      .schemes = options.http ? push::Schemes::https_and_http : push::Schemes::https,
                      .ca_file = options.ca_file,
                      .user_agent = "turnwise/" TURNWISE_VERSION};
  config.now = [&engine] { return engine.wall_time(); };
  return push::Courier::start(std::move(config));
}

handlers::Pushing pushing_by(push::Courier& courier, actors::Engine& engine, const std::string& node_name) {
  return {.courier = &courier, .gone = [&engine, node_name](const std::string& kind, const std::string& why) {
            const auto by = model::to_utf8("push@" + node_name, model::hold_owner_bytes_max);
            const auto reason = model::to_utf8("the push address " + why, model::pause_words_bytes_max);
            engine.change_kind({kind, model::PauseKind{by, reason}}, {std::make_shared<PauseReply>(kind), 0});
          }};
}

std::vector<handlers::PushKind> push_kinds_of(const std::vector<actors::KindStatus>& kinds) {
  std::vector<handlers::PushKind> pushed;
  for (const auto& status : kinds) {
    if (const auto& push = status.kind.settings.push) {
      pushed.push_back({.kind = status.kind.name,
                        .target = std::make_shared<const push::Target>(target_of(*push)),
                        .concurrency = status.kind.settings.concurrency.value_or(concurrency_default)});
    }
  }
  return pushed;
}

PushWatch::PushWatch(actors::Engine& engine, handlers::Runner& runner) : engine_(engine) {
  engine_.watch_kinds([&engine, &runner] { runner.set_push_kinds(push_kinds_of(engine.kinds())); });
}

PushWatch::~PushWatch() {
  engine_.watch_kinds({});
}

} // namespace turnwise::node
