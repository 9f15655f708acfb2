// Keeping the node's tokens up to date: between beats, on the keeper's connection, so that no request waits for PostgreSQL.
#include <spdlog/spdlog.h>

#include "actors/keeper.hpp"

namespace turnwise::actors {
namespace {

/// Beats on demand come more often than this.
constexpr milliseconds tokens_gap{500};

} // namespace

/// While PostgreSQL is away the tokens stay as they were read last: a node without it grants nothing anyway.
void Keeper::read_tokens() {
  const auto now = model::BootClock::now();
  if (!context_.config.reads_tokens || now - tokens_read_at_ < tokens_gap) {
    return;
  }
  tokens_read_at_ = now;
  auto read = ownership_->tokens(context_.tokens.version());
  if (read.ok() && read->has_value()) {
    spdlog::info("tokens-read count={} version={}", read.value()->tokens.size(), read.value()->version);
    context_.tokens.set(std::move(*read.value()));
  } else if (!read.ok() && tokens_readable_) {
    spdlog::warn("tokens-not-read why=\"{}\"", read.error().detail);
  }
  tokens_readable_ = read.ok();
}

} // namespace turnwise::actors
