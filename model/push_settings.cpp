#include "model/push_settings.hpp"

#include <algorithm>

namespace turnwise::model {

std::vector<PushSecret> changed_secrets(const std::vector<PushSecret>& before, const SecretChange& change, WallTime now) {
  if (!before.empty() && (change.use == SecretChange::Use::if_none || before.front().text == change.text)) {
    return before;
  }
  std::vector<PushSecret> after{{change.text, std::nullopt}};
  const WallTime end = now + change.overlap;
  for (const PushSecret& secret : before) {
    const WallTime until = std::min(secret.until.value_or(end), end);
    if (until > now && secret.text != change.text && after.size() < push_secrets_max) {
      after.push_back({secret.text, until});
    }
  }
  return after;
}

} // namespace turnwise::model
