// The SQL texts of migrations/, as the build put them into the binary.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace turnwise::storage::postgres {

struct Migration {
  std::uint32_t number{};
  std::string_view name;
  std::string_view sql;
};

/// All of them, ascending by number.
const std::vector<Migration>& migrations();

} // namespace turnwise::storage::postgres
