#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "app/push/signature.hpp"

using namespace turnwise;
using namespace turnwise::push;
using namespace std::chrono_literals;

namespace {

const model::WallTime now{std::chrono::seconds{1'614'265'330}};

Secret secret(std::string_view text, std::optional<model::WallTime> until = {}) {
  return {decode_secret(text).value(), until};
}

} // namespace

TEST_CASE("the example of the Standard Webhooks specification is signed as it says") {
  const auto key = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  CHECK(signatures({key}, now, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", R"({"test": 2432232314})") ==
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_CASE("while a secret is being replaced, the old one signs beside the new one until its time") {
  const auto fresh = secret("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
  const auto old = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", now + 1s);
  const auto alone = [](const Secret& each, model::WallTime at) { return signatures({each}, at, "id", "1", "{}"); };
  CHECK(signatures({fresh, old}, now, "id", "1", "{}") == alone(fresh, now) + " " + alone(old, now));
  CHECK(signatures({fresh, old}, now + 1s, "id", "1", "{}") == alone(fresh, now));
  CHECK(alone(old, now + 1s).empty());
}

TEST_CASE("a secret is whsec_ and 24 to 64 bytes in base64") {
  CHECK(decode_secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")->size() == 24);
  CHECK(decode_secret(encode_secret(std::string(64, 'x')))->size() == 64);
  CHECK(decode_secret(encode_secret(std::string(25, 'x'))).value() == std::string(25, 'x'));
  const auto text = GENERATE(std::string{}, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_AAAA",
                             "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA*=",
                             "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB==", "whsec_AAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAA",
                             encode_secret(std::string(23, 'x')), encode_secret(std::string(65, 'x')));
  CAPTURE(text);
  REQUIRE_FALSE(decode_secret(text));
  CHECK((text.size() < 8 || decode_secret(text).error().detail.find(text) == std::string::npos)); // it may be a real one
}

TEST_CASE("a new secret is another one each time, and is told apart without being given away") {
  const auto one = new_key().value();
  const auto other = new_key().value();
  CHECK(one.size() == 32);
  CHECK(one != other);
  CHECK(decode_secret(encode_secret(one)).value() == one);
  CHECK(fingerprint_of(one) == fingerprint_of(one));
  CHECK(fingerprint_of(one) != fingerprint_of(other));
  CHECK(fingerprint_of(one).size() == 16);
}
