#include <catch2/catch_test_macros.hpp>

#include "model/kind.hpp"

using namespace turnwise::model;
using namespace std::chrono_literals;

namespace {

const WallTime noon{std::chrono::seconds{1'767'268'800}};
using Use = SecretChange::Use;
using Secrets = std::vector<PushSecret>;

} // namespace

TEST_CASE("a kind that has no secret gets the one that comes with the change, and keeps what it has") {
  CHECK(changed_secrets({}, {"new", Use::if_none, {}}, noon) == Secrets{{"new", {}}});
  CHECK(changed_secrets({{"old", {}}}, {"new", Use::if_none, 1h}, noon) == Secrets{{"old", {}}});
}

TEST_CASE("a secret that replaces another signs from now on, and the other beside it for a while") {
  const auto rotated = changed_secrets({{"old", {}}}, {"new", Use::instead, 1h}, noon);
  CHECK(rotated == Secrets{{"new", {}}, {"old", noon + 1h}});
  CHECK(changed_secrets({{"old", {}}}, {"new", Use::instead, 0h}, noon) == Secrets{{"new", {}}});
  CHECK(changed_secrets(rotated, {"newer", Use::instead, 2h}, noon + 30min) ==
        Secrets{{"newer", {}}, {"new", noon + 150min}, {"old", noon + 1h}}); // no end is put off
  CHECK(changed_secrets(rotated, {"newer", Use::instead, 2h}, noon + 1h) == Secrets{{"newer", {}}, {"new", noon + 3h}});
}

TEST_CASE("the present secret, said again, changes nothing, and an old one can come back") {
  const Secrets two{{"new", {}}, {"old", noon + 1h}};
  CHECK(changed_secrets(two, {"new", Use::instead, 0h}, noon) == two);
  CHECK(changed_secrets(two, {"old", Use::instead, 1h}, noon) == Secrets{{"old", {}}, {"new", noon + 1h}});
}

TEST_CASE("so many secrets sign at a time, and no more") {
  Secrets secrets;
  for (int i = 0; i < 10; ++i) {
    secrets = changed_secrets(secrets, {std::to_string(i), Use::instead, 1h}, noon);
  }
  REQUIRE(secrets.size() == push_secrets_max);
  CHECK(secrets.front().text == "9");
  CHECK(secrets.back().text == "6");
}

TEST_CASE("settings that are put anew keep the secrets of a push, and lose them with it") {
  Kind kind{.name = "notify", .revision = 1, .settings = {}, .pause = {}};
  PutKind put;
  put.settings.push = PushSettings{.url = "https://example.com/jobs"};
  put.secret = SecretChange{"first", Use::if_none, {}};
  kind = changed(kind, {"notify", put}, noon).value();
  CHECK(kind.settings.push->secrets == Secrets{{"first", {}}});
  put.settings.push->url = "https://example.com/elsewhere";
  put.secret = SecretChange{"second", Use::if_none, {}};
  kind = changed(kind, {"notify", put}, noon).value();
  CHECK(kind.settings.push->url == "https://example.com/elsewhere");
  CHECK(kind.settings.push->secrets == Secrets{{"first", {}}});
  kind = changed(kind, {"notify", PutKind{}}, noon).value();
  CHECK_FALSE(kind.settings.push);
  CHECK(kind.is_plain());
}
