// The workload `holds`: turns for outside code, taken and given back, each on a subject of its own and all on one.
#include <stdexcept>

#include <boost/json.hpp>
#include <fmt/core.h>

#include "bench/measure.hpp"

namespace turnwise::bench {

namespace {

constexpr unsigned contenders = 8;
constexpr std::string_view request = R"({"owner":"turnwise-bench","ttl":"30s","on_busy":"wait","wait":"30s"})";

/// Connections that take a turn and give it back as soon as they have it, over and over.
class Holders {
public:
  Holders(Bench& bench, std::uint64_t count) : bench_(bench), left_(count) {}

  void add(std::uint32_t subject) {
    lines_.push_back(std::make_unique<Line>(
        Line{bench_.label.subject_prefix + std::to_string(subject), bench_.loop.connect(), &holders_of_[subject]}));
  }
  void run() {
    for (auto& line : lines_) {
      take(*line);
    }
    bench_.loop.run_until([&] { return ended_ == lines_.size(); }, step_limit);
  }
  std::vector<double> wait_ms;

private:
  struct Line {
    std::string subject;
    std::unique_ptr<Channel> channel;
    unsigned* holders; ///< of the same subject
  };

  void take(Line& line) {
    if (left_ == 0) {
      ++ended_;
      return;
    }
    --left_;
    line.channel->post(
        "/v1/subjects/" + line.subject + "/holds", request, [this, &line, asked_at = Clock::now()](const Reply& reply) {
          expect_success(reply, "hold");
          wait_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - asked_at).count());
          if (++*line.holders > 1) {
            throw std::runtime_error{"two have the turn of one subject"};
          }
          const auto hold = boost::json::parse(reply.body).as_object();
          give_back(line, std::string{hold.at("id").as_string()}, std::string{hold.at("fencing_token").as_string()});
        });
  }

  void give_back(Line& line, const std::string& id, const std::string& token) {
    --*line.holders; // from now on the next one may have it
    line.channel->send("DELETE", "/v1/holds/" + id, {}, fmt::format("If-Match: \"{}\"\r\n", token),
                       [this, &line](const Reply& reply) {
                         expect_success(reply, "release of a hold");
                         take(line);
                       });
  }

  Bench& bench_;
  std::uint64_t left_;
  std::size_t ended_{};
  std::map<std::uint32_t, unsigned> holders_of_;
  std::vector<std::unique_ptr<Line>> lines_;
};

void measure(const Settings& settings, Measurements& out, const std::string& name, std::uint64_t count, unsigned connections,
             std::uint32_t subjects) {
  Bench bench{settings, 1};
  Holders holders{bench, count};
  for (unsigned i = 0; i < connections; ++i) {
    holders.add(i % subjects);
  }
  Step step{settings, out, name};
  holders.run();
  step.end(count);
  add_latencies(out, name + ", until granted", holders.wait_ms);
}

} // namespace

void holds(const Settings& settings, Measurements& out) {
  const auto connections = settings.submit_connections;
  measure(settings, out, "holds, a subject for each connection", settings.jobs, connections, connections);
  measure(settings, out, "holds, 8 connections on one subject", std::max<std::uint64_t>(settings.jobs / 4, 1), contenders, 1);
}

} // namespace turnwise::bench
