// What happens on this node, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "app/api/time_text.hpp"
#include "app/http/response.hpp"
#include "app/json/writer.hpp"
#include "app/routes/collector.hpp"
#include "app/routes/routes.hpp"
#include "model/subject.hpp"

namespace turnwise::routes {
namespace {

constexpr std::size_t events_max = 100; ///< in one piece
/// How often a stream without news looks whether the node drains.
constexpr std::chrono::milliseconds look_gap{500};

std::string document(const actors::Event& event) {
  json::Writer out;
  out.begin_object().member("event", event.name).member("at", api::to_text(event.at));
  out.member("id", model::to_string(event.entry)).member("subject", event.subject);
  if (!event.kind.empty()) {
    out.member("kind", event.kind);
  }
  out.end_object();
  return std::move(out).take();
}

/// Where a client goes on: its Last-Event-ID, "<life of the node>-<number>". One of another life is a number that never was.
std::uint64_t place_of(std::string_view id, std::string_view life) {
  constexpr auto never = std::numeric_limits<std::uint64_t>::max();
  if (!id.starts_with(life) || id.size() <= life.size() || id[life.size()] != '-') {
    return never;
  }
  id.remove_prefix(life.size() + 1);
  std::uint64_t number{};
  const auto [end, fault] = std::from_chars(id.data(), id.data() + id.size(), number);
  return fault == std::errc{} && end == id.data() + id.size() ? number : never;
}

class EventPieces final : public http::Pieces {
public:
  EventPieces(Context& context, std::unique_ptr<actors::EventFeed::Watcher> watcher, actors::EventFilter filter,
              std::string life, std::uint64_t after)
      : context_(context), watcher_(std::move(watcher)), filter_(std::move(filter)), life_(std::move(life)), after_(after) {}

  boost::asio::awaitable<std::optional<std::string>> next() override {
    if (!std::exchange(greeted_, true)) {
      co_return ": turnwise\n\n"; // so that the client knows at once that it is heard
    }
    const auto executor = co_await boost::asio::this_coro::executor;
    for (const auto begin = std::chrono::steady_clock::now(); !context_.draining;) {
      if (auto text = read(); !text.empty()) {
        co_return text;
      }
      if (std::chrono::steady_clock::now() - begin >= beat_max - look_gap) {
        co_return ":\n\n";
      }
      const auto bell = std::make_shared<Bell>(executor);
      watcher_->wake_after(after_, [bell] { bell->ring(); });
      co_await bell->wait(look_gap);
      watcher_->wake_after(after_, {});
    }
    co_return std::nullopt;
  }

private:
  std::string read() {
    const auto batch = watcher_->read(after_, filter_, events_max);
    after_ = batch.next;
    std::string text;
    if (batch.has_gap) {
      text += fmt::format("id: {}-{}\nevent: gap\ndata: {{}}\n\n", life_,
                          batch.events.empty() ? batch.next : batch.events.front()->number - 1);
    }
    for (const auto& event : batch.events) {
      text += fmt::format("id: {}-{}\nevent: {}\ndata: {}\n\n", life_, event->number, event->name, document(*event));
    }
    return text;
  }

  Context& context_;
  std::unique_ptr<actors::EventFeed::Watcher> watcher_;
  actors::EventFilter filter_;
  std::string life_;
  std::uint64_t after_;
  bool greeted_{};
};

} // namespace

Answered show_events(Context& context, Request request) {
  actors::EventFilter filter;
  for (const auto& [name, value] : request.query) {
    (name == "subject" ? filter.subject : filter.kind) = value;
  }
  auto& feed = context.engine.events();
  auto watcher = feed.watch();
  if (!watcher) {
    co_return http::problem_response(
        {model::Errc::unavailable,
         fmt::format("this node has {} watchers of events already; try again later", actors::EventFeed::watchers_max), ""});
  }
  const auto life = model::to_uuid(context.engine.incarnation().bits).substr(0, 8);
  const auto last = request.field("last-event-id");
  const auto after = last.empty() ? feed.newest() : place_of(last, life);
  Response response;
  response.content_type = "text/event-stream";
  response.fields.emplace_back("Cache-Control", "no-store");
  response.pieces = std::make_shared<EventPieces>(context, std::move(watcher), std::move(filter), life, after);
  co_return response;
}

} // namespace turnwise::routes
