#include "storage/postgres/push_secrets.hpp"

#include <boost/json.hpp>

namespace turnwise::storage::postgres {

namespace json = boost::json;

std::string encode_secrets(const std::vector<model::PushSecret>& secrets) {
  json::array all;
  for (const auto& secret : secrets) {
    json::object one{{"secret", secret.text}};
    if (secret.until) {
      one["until_us"] = secret.until->time_since_epoch().count();
    }
    all.push_back(std::move(one));
  }
  return json::serialize(all);
}

std::vector<model::PushSecret> decode_secrets(std::string_view text) {
  std::vector<model::PushSecret> secrets;
  json::error_code fault;
  const auto all = json::parse(text, fault);
  if (fault || !all.is_array()) {
    return secrets;
  }
  for (const auto& item : all.get_array()) {
    const auto* secret = item.is_object() ? item.get_object().if_contains("secret") : nullptr;
    if (secret == nullptr || !secret->is_string()) {
      continue;
    }
    const auto* until = item.get_object().if_contains("until_us");
    const auto* count = until == nullptr ? nullptr : until->if_int64();
    const auto at = count == nullptr ? std::nullopt : std::optional{model::WallTime{model::microseconds{*count}}};
    secrets.push_back({std::string{secret->get_string()}, at});
  }
  return secrets;
}

} // namespace turnwise::storage::postgres
