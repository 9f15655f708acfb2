// Tokens as texts, and the file in which is written what operators did.
#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "app/security/audit_log.hpp"
#include "app/security/tokens.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace turnwise;
using namespace std::chrono_literals;

namespace {

constexpr model::WallTime noon{1'893'499'200s};

http::OperatorAction pause(std::string target) {
  return {"pause", {"ann", "0123456789abcdef", {model::Scope::admin}}, std::move(target), "10.0.0.7:51842", 200};
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

TEST_CASE("a new token has an id and 256 random bits, of which only a hash is kept") {
  std::set<std::string> texts;
  for (int i = 0; i < 100; ++i) {
    const auto made = security::make_token("ann", {model::Scope::work});
    REQUIRE(made.ok());
    const auto& text = made.value().text;
    CHECK(text.size() == 16 + 1 + 64);
    CHECK(text.substr(0, 16) == made.value().token.id);
    CHECK(security::hash_of(text.substr(17)) == made.value().token.secret_hash);
    texts.insert(text);
  }
  CHECK(texts.size() == 100);
}

TEST_CASE("a token is found by its whole text alone, while it has not expired") {
  model::Tokens tokens;
  std::vector<std::string> texts;
  for (int i = 0; i < 20; ++i) {
    auto made = *security::make_token("owner-" + std::to_string(i), {model::Scope::work});
    texts.push_back(made.text);
    tokens.push_back(std::move(made.token));
  }
  std::ranges::sort(tokens, {}, &model::Token::id);
  for (int i = 0; i < 20; ++i) {
    const auto* found = security::find_token(tokens, texts[i], noon);
    REQUIRE(found != nullptr);
    CHECK(found->owner == "owner-" + std::to_string(i));
  }
  CHECK(security::find_token(tokens, texts[0].substr(0, 17) + texts[1].substr(17), noon) == nullptr);
  CHECK(security::find_token(tokens, "", noon) == nullptr);
  CHECK(security::find_token({}, texts[0], noon) == nullptr);
  tokens[0].expires_at = noon;
  CHECK(security::find_token(tokens, texts[0], noon - 1us) != nullptr);
  std::size_t good = 0;
  for (const auto& text : texts) {
    good += security::find_token(tokens, text, noon) != nullptr ? 1 : 0;
  }
  CHECK(good == 19);
}

TEST_CASE("an id without a token is not found by the empty secret, whose hash is known to everybody") {
  const model::Tokens none;
  CHECK(security::find_token(none, ".", noon) == nullptr);
  CHECK(security::find_token(none, "0000000000000000.", noon) == nullptr);
}

TEST_CASE("every action is a line of its own in the file, which its user alone may read, and a restart goes on in it") {
  const tests::TemporaryFolder folder;
  const auto path = folder.file("audit");
  for (const auto* subject : {"a:1", "a:2"}) {
    const auto log = security::AuditLog::open(path, logging::Format::text);
    REQUIRE(log.ok());
    (*log)->note(pause(subject));
  }
  (*security::AuditLog::open(path, logging::Format::json))->note(pause("a:\"3\"\nx"));
  const auto text = content_of(path);
  CHECK(std::ranges::count(text, '\n') == 3);
  CHECK(text.find(R"(audit action="pause" by="ann" token=0123456789abcdef target="a:1" status=200 from=10.0.0.7:51842)") !=
        std::string::npos);
  CHECK(text.find(R"("event":"audit","action":"pause","by":"ann")") != std::string::npos);
  CHECK(text.find(R"("target":"a:\"3\"\nx")") != std::string::npos);
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("a file that cannot be opened is told with its name") {
  const auto log = security::AuditLog::open("/no/such/folder/audit", logging::Format::text);
  REQUIRE_FALSE(log.ok());
  CHECK(log.error().detail.find("/no/such/folder/audit") != std::string::npos);
}
