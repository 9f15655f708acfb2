// What a push says, how many go at a time, and how they end. Rows 46 and 47 have files of their own.
#include <semaphore>

#include "tests/push/post_office.hpp"

using namespace turnwise;
using namespace turnwise::push;
using namespace turnwise::push::testing;
using namespace std::chrono_literals;

namespace {

/// Says nothing until the other side goes.
const Receiver::Script say_nothing = [](Exchange& exchange) { exchange.ends_within(patience); };

const model::WallTime noon{std::chrono::seconds{1'767'268'800}};

} // namespace

TEST_CASE("a push is a POST of the payload as it is, signed, that says of which job it is") {
  Receiver receiver(answer(200, R"({"erased":1})"));
  auto config = open_config();
  config.now = [] { return noon; };
  PostOffice office(std::move(config));
  auto made = delivery(target(receiver.url()));
  made.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  auto underway = office.send(made);
  CHECK(underway.wait_for<handlers::Success>().result == R"({"erased":1})");

  const auto heard = receiver.next();
  CHECK(heard.head.starts_with("POST /jobs HTTP/1.1\r\n"));
  CHECK(heard.body == R"({"n":1.10})");
  CHECK(heard.field("Host") == "127.0.0.1:" + std::to_string(receiver.port()));
  CHECK(heard.field("Content-Type") == "application/json");
  CHECK(heard.field("webhook-id") == "15100000001n");
  CHECK(heard.field("webhook-timestamp") == "1767268800");
  CHECK(heard.field("webhook-signature") == signatures(made.target->secrets, noon, "15100000001n", "1767268800", heard.body));
  CHECK(heard.field("Job-Subject") == "artifact:1");
  CHECK(heard.field("Job-Kind") == "build_coverage");
  CHECK(heard.field("Job-Attempt") == "1");
  CHECK(heard.field("Job-Fence") == "9007199254740993");
  CHECK(heard.field("Job-Receipt") == "15100000001n-1-1cb8440sbhtknxr41dnc0gpv8y");
  CHECK(heard.field("Job-Lease") == "30s");
  CHECK(heard.field("traceparent") == made.traceparent);
  CHECK(heard.field("Expect").empty());
}

TEST_CASE("a subject that is not visible ASCII is percent-encoded, and cannot add a header") {
  Receiver receiver(answer(200));
  PostOffice office;
  auto made = delivery(target(receiver.url()));
  made.subject = "größe 100%\r\nJob-Fence: 1";
  auto underway = office.send(made);
  underway.wait_for<handlers::Success>();
  CHECK(receiver.next().field("Job-Subject") == "gr%C3%B6%C3%9Fe%20100%25%0D%0AJob-Fence:%201");
}

TEST_CASE("while a secret is replaced, a push has the signatures of both") {
  Receiver receiver(answer(200));
  auto config = open_config();
  config.now = [] { return noon; };
  PostOffice office(std::move(config));
  auto two = *target(receiver.url());
  two.secrets.push_back({std::string(32, 'x'), noon + 1h});
  auto underway = office.send(delivery(std::make_shared<const Target>(two)));
  underway.wait_for<handlers::Success>();
  const auto signature = receiver.next().field("webhook-signature");
  CHECK(signature.find(" v1,") != std::string::npos);
  CHECK(signature == signatures(two.secrets, noon, "15100000001n", "1767268800", R"({"n":1.10})"));
}

TEST_CASE("every push has a connection of its own, to where the host is then") {
  std::counting_semaphore<> closed{0};
  Receiver receiver([&](Exchange& exchange) {
    exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); // would be kept
    exchange.ends_within(patience);
    closed.release();
  });
  PostOffice office;
  for (int i = 0; i < 3; ++i) {
    auto underway = office.send_to(receiver.url());
    underway.wait_for<handlers::Success>();
    REQUIRE(closed.try_acquire_for(patience)); // and not when the next one comes
  }
  CHECK(receiver.connections() == 3);
}

TEST_CASE("no proxy comes between, whatever the environment says") {
  setenv("http_proxy", "http://127.0.0.1:1/", 1);
  setenv("all_proxy", "http://127.0.0.1:1/", 1);
  Receiver receiver(answer(200));
  PostOffice office;
  auto underway = office.send_to(receiver.url());
  underway.wait_for<handlers::Success>();
  unsetenv("http_proxy");
  unsetenv("all_proxy");
}

TEST_CASE("a target that does not answer keeps nobody from another one") {
  Receiver dead(say_nothing);
  Receiver alive(answer(200));
  auto config = open_config();
  config.under_way_max = 3;
  config.per_place_max = 2;
  PostOffice office(std::move(config));
  std::vector<Underway> hanging;
  for (int i = 0; i < 10; ++i) {
    hanging.push_back(office.send_to(dead.url()));
  }
  for (int i = 0; i < 5; ++i) {
    auto underway = office.send_to(alive.url());
    underway.wait_for<handlers::Success>();
  }
  CHECK(dead.connections() == 2);
  for (auto& each : hanging) {
    CHECK_FALSE(each.is_over());
  }
}

TEST_CASE("a push that waits for its place goes when another ends") {
  std::counting_semaphore<> go{0};
  Receiver receiver([&](Exchange& exchange) {
    REQUIRE(go.try_acquire_for(patience));
    exchange.send(answer(200));
  });
  auto config = open_config();
  config.per_place_max = 1;
  PostOffice office(std::move(config));
  auto first = office.send_to(receiver.url());
  auto second = office.send_to(receiver.url());
  receiver.next();
  CHECK(receiver.connections() == 1);
  go.release(2);
  first.wait_for<handlers::Success>();
  second.wait_for<handlers::Success>();
}

TEST_CASE("a push that is asked to stop is broken off, on its way or before") {
  std::binary_semaphore gone{0};
  Receiver receiver([&](Exchange& exchange) {
    exchange.ends_within(patience);
    gone.release();
  });
  auto config = open_config();
  config.per_place_max = 1;
  PostOffice office(std::move(config));
  auto on_its_way = office.send_to(receiver.url());
  auto before = office.send_to(receiver.url());
  receiver.next();
  before.stop.request_stop();
  CHECK(before.wait_for<handlers::RetryLater>().error == "the push was broken off");
  on_its_way.stop.request_stop();
  CHECK(on_its_way.wait_for<handlers::RetryLater>().error == "the push was broken off");
  CHECK(gone.try_acquire_for(patience));

  Underway too_late;
  too_late.stop.request_stop();
  auto promise = std::make_shared<std::promise<Outcome>>();
  too_late.outcome = promise->get_future();
  office.courier->deliver(delivery(target(receiver.url())), too_late.stop.get_token(),
                          [promise](Outcome outcome) { promise->set_value(std::move(outcome)); });
  too_late.wait_for<handlers::RetryLater>();
}

TEST_CASE("a courier that is stopped while pushes hang ends at once, and says so of each") {
  Receiver receiver(say_nothing);
  PostOffice office;
  std::vector<Underway> hanging;
  for (int i = 0; i < 100; ++i) {
    hanging.push_back(office.send_to(receiver.url()));
  }
  receiver.next();
  const auto begin = std::chrono::steady_clock::now();
  office.courier->stop();
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  for (auto& each : hanging) {
    each.wait_for<handlers::RetryLater>();
  }
  auto late = office.send_to(receiver.url());
  late.wait_for<handlers::RetryLater>();
}

TEST_CASE("a name server that does not answer holds up those that want the name, for their time, and nobody else") {
  auto gate = std::make_shared<std::counting_semaphore<>>(0);
  auto asked = std::make_shared<std::atomic<int>>(0);
  auto config = open_config();
  config.lookup_threads = 2;
  config.lookup = [gate, asked](const std::string& host) -> model::Result<std::vector<Address>> {
    if (host == "slow.test") {
      ++*asked;
      gate->try_acquire_for(patience);
    }
    return std::vector<Address>{boost::asio::ip::make_address("127.0.0.1")};
  };
  Receiver receiver(answer(200));
  PostOffice office(std::move(config));
  std::vector<Underway> slow;
  for (int i = 0; i < 10; ++i) {
    slow.push_back(office.send_to(receiver.url("http", "slow.test"), 300ms));
  }
  auto quick = office.send_to(receiver.url("http", "quick.test"));
  quick.wait_for<handlers::Success>();
  for (auto& each : slow) {
    CHECK(each.wait_for<handlers::RetryLater>().error == "slow.test could not be looked up in time");
  }
  CHECK(*asked == 1);
  gate->release(10);
}

TEST_CASE("a host that nobody knows is tried again later") {
  auto config = open_config();
  config.lookup = [](const std::string& host) -> model::Result<std::vector<Address>> {
    return model::Error{model::Errc::unavailable, "cannot look up " + host + ": no such name", {}};
  };
  PostOffice office(std::move(config));
  auto underway = office.send_to("http://nowhere.test/");
  CHECK(underway.wait_for<handlers::RetryLater>().error == "cannot look up nowhere.test: no such name");
}
