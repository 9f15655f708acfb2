#include <catch2/catch_test_macros.hpp>

#include "app/handlers/command.hpp"
#include "app/handlers/exec_kind.hpp"
#include "model/limits.hpp"

using namespace turnwise;
using namespace turnwise::handlers;

namespace {

CommandEnd exited(int status, std::string output = {}, std::string errors = {}) {
  CommandEnd end;
  end.how = CommandEnd::How::exited;
  end.code = status;
  end.output = std::move(output);
  end.errors = std::move(errors);
  return end;
}

template <class Outcome>
Outcome outcome(const CommandEnd& end) {
  auto result = outcome_of(end);
  REQUIRE(std::holds_alternative<Outcome>(result));
  return std::get<Outcome>(result);
}

} // namespace

TEST_CASE("a request comes out of its bytes as it went in, and broken bytes are refused") {
  const CommandRequest request{.argv = {"run", "", "a b"}, .environment = {"A=1"}};
  const auto bytes = encode(request);
  const auto decoded = decode_request(bytes);
  REQUIRE(decoded);
  CHECK(decoded->argv == request.argv);
  CHECK(decoded->environment == request.environment);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_request(std::string_view(bytes).substr(0, size)));
  }
  CHECK_FALSE(decode_request(bytes + "x"));
  CHECK_FALSE(decode_request("\xff\xff\xff\xff"));
  CHECK_FALSE(decode_request(encode(CommandRequest{})));
}

TEST_CASE("an end comes out of its bytes as it went in, and broken bytes are refused") {
  auto end = exited(3, "out", "err");
  end.errors_truncated = true;
  const auto bytes = encode(end);
  const auto decoded = decode_end(bytes);
  REQUIRE(decoded);
  CHECK(decoded->how == CommandEnd::How::exited);
  CHECK(decoded->code == 3);
  CHECK(decoded->output == "out");
  CHECK(decoded->errors == "err");
  CHECK_FALSE(decoded->output_truncated);
  CHECK(decoded->errors_truncated);
  CHECK_FALSE(decode_end(bytes.substr(0, bytes.size() - 1)));
  CHECK_FALSE(decode_end(""));
  CHECK_FALSE(decode_end("\x09" + bytes.substr(1)));
}

TEST_CASE("the tail of an output is its last bytes, whatever pieces it came in") {
  for (const std::size_t piece : {1U, 3U, 10U, 25U, 100U}) {
    std::string all;
    OutputTail tail(10);
    for (char letter = 'a'; letter <= 'z'; ++letter) {
      const std::string bytes(piece, letter);
      all += bytes;
      tail.append(bytes);
    }
    CHECK(tail.truncated());
    CHECK(std::move(tail).take() == all.substr(all.size() - 10));
  }
  OutputTail whole(10);
  whole.append("0123456789");
  CHECK_FALSE(whole.truncated());
  CHECK(std::move(whole).take() == "0123456789");
}

TEST_CASE("exit status 0 is success, with stdout as the result if it is JSON") {
  CHECK(outcome<Success>(exited(0, " {\"n\": 1}\n")).result == "{\"n\": 1}");
  CHECK(outcome<Success>(exited(0, "", "a warning")).result.empty());
  CHECK(outcome<Success>(exited(0, " \n")).result.empty());
  CHECK(outcome<Success>(exited(0, "moved \"it\"\n")).result == "\"moved \\\"it\\\"\\n\"");
  CHECK(outcome<Success>(exited(0, "{} {}")).result == "\"{} {}\"");
}

TEST_CASE("an output that was cut off is text, even if its end happens to be JSON") {
  auto end = exited(0, "123");
  end.output_truncated = true;
  CHECK(outcome<Success>(end).result == "\"123\"");
}

TEST_CASE("a result is never larger than the limit, however its characters are escaped") {
  for (const std::string& text :
       {std::string(200'000, 'x'), std::string(65'000, '\x01'), std::string(65'000, '\xff'), std::string(100'000, '[')}) {
    const auto result = to_json_result(text);
    CHECK(result.size() <= model::result_bytes_max);
    CHECK(result.size() > model::result_bytes_max / 2);
    CHECK(result.front() == '"');
    CHECK(result.back() == '"');
  }
}

TEST_CASE("exit status 65 is a failure that is not retried") {
  CHECK(outcome<GiveUp>(exited(65, "", "no such artifact")).error == "exit status 65: no such artifact");
}

TEST_CASE("exit status 75 and any other are failures that are retried by policy") {
  CHECK(outcome<RetryLater>(exited(75)).error == "exit status 75");
  CHECK(outcome<RetryLater>(exited(1, "out\n", "first\nlast\n")).error == "exit status 1: first\nlast");
  CHECK(outcome<RetryLater>(exited(2, "only out\n")).error == "exit status 2: only out");
  CHECK_FALSE(outcome<RetryLater>(exited(75)).after);
}

TEST_CASE("a command that a signal killed failed, and the error names the signal") {
  CommandEnd end;
  end.how = CommandEnd::How::signalled;
  end.code = 9;
  end.errors = "working\n";
  CHECK(outcome<RetryLater>(end).error == "killed by SIGKILL: working");
}

TEST_CASE("a long error keeps its last whole lines") {
  std::string errors;
  for (int line = 0; line < 10'000; ++line) {
    errors += "line " + std::to_string(line) + "\n";
  }
  const auto error = outcome<RetryLater>(exited(1, "", errors)).error;
  CHECK(error.size() < 5'000);
  CHECK(error.starts_with("exit status 1: line 9"));
  CHECK(error.ends_with("line 9999"));
}
