// The secrets of a kind as the column push_secrets of turnwise.kind holds them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/push_settings.hpp"

namespace turnwise::storage::postgres {

std::string encode_secrets(const std::vector<model::PushSecret>& secrets);
/// What an older or newer version wrote otherwise is left out.
std::vector<model::PushSecret> decode_secrets(std::string_view text);

} // namespace turnwise::storage::postgres
