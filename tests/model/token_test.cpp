// Scopes.
#include <catch2/catch_test_macros.hpp>

#include "model/token.hpp"

namespace turnwise::model {

TEST_CASE("admin stands for all scopes, the others for themselves") {
  const Scopes some{Scope::submit, Scope::work};
  CHECK(some.allow(Scope::submit));
  CHECK(some.allow(Scope::work));
  CHECK_FALSE(some.allow(Scope::admin));
  const Scopes all{Scope::admin};
  CHECK(all.allow(Scope::submit));
  CHECK_FALSE(all.has(Scope::submit));
  CHECK_FALSE(Scopes{}.allow(Scope::submit));
}

TEST_CASE("scopes are written and read with commas between") {
  CHECK(to_string(*parse_scopes("work,submit")) == "submit,work");
  CHECK(parse_scopes("admin") == Scopes{Scope::admin});
  for (const auto* text : {"", "root", "submit,", ",submit", "submit work", "Submit"}) {
    INFO(text);
    CHECK_FALSE(parse_scopes(text));
  }
}

} // namespace turnwise::model
