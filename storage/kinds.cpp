#include "storage/kinds.hpp"

#include <string>

#include "model/limits.hpp"

namespace turnwise::storage {

model::Error too_many_kinds() {
  return {model::Errc::backlog_full,
          std::to_string(model::kinds_with_settings_max) +
              " kinds have settings or are paused, as many as may: take the settings of another one back with an empty PUT",
          {}};
}

} // namespace turnwise::storage
