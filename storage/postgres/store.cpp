// The door to the PostgreSQL side: hands out connections.
#include "storage/postgres/store.hpp"

#include "storage/postgres/outside.hpp"
#include "storage/postgres/ownership.hpp"
#include "storage/postgres/reader.hpp"
#include "storage/postgres/writer.hpp"

namespace turnwise::storage {
namespace {

class PostgresStore final : public Store {
public:
  explicit PostgresStore(PostgresOptions options) : options_(std::move(options)) {}

  std::unique_ptr<JournalWriter> open_writer() override { return std::make_unique<postgres::Writer>(options_); }
  std::unique_ptr<JournalReader> open_reader() override { return std::make_unique<postgres::Reader>(options_); }
  std::unique_ptr<Ownership> open_ownership() override { return std::make_unique<postgres::OwnershipTables>(options_); }
  std::unique_ptr<OutsideReader> open_outside() override { return std::make_unique<postgres::OutsideRows>(options_); }

private:
  PostgresOptions options_;
};

} // namespace

std::unique_ptr<Store> open_postgres(PostgresOptions options) {
  return std::make_unique<PostgresStore>(std::move(options));
}

} // namespace turnwise::storage
