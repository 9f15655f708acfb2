// Rows of the journal as ten arrays, one per column: the parameters of one INSERT … SELECT FROM unnest.
#pragma once

#include <pqxx/pqxx>
#include <span>

#include "storage/journal.hpp"
#include "storage/postgres/binary_array.hpp"
#include "storage/record_codec.hpp"

namespace turnwise::storage::postgres {

class RowBatch {
public:
  /// Takes these rows instead of the ones before; keeps buffers.
  void assign(std::span<const Row> rows);

  /// Appends the ten parameters in the order of the columns. They point into the batch.
  void append_to(pqxx::params& parameters);

private:
  void clear();

  BinaryArray shards_{ElementType::int2};
  BinaryArray entries_{ElementType::int8};
  BinaryArray sequences_{ElementType::int8};
  BinaryArray times_{ElementType::timestamptz};
  BinaryArray events_{ElementType::int2};
  BinaryArray subjects_{ElementType::text};
  BinaryArray kinds_{ElementType::text};
  BinaryArray keys_{ElementType::text};
  BinaryArray details_{ElementType::json};
  BinaryArray payloads_{ElementType::text};
  RecordColumns columns_;
};

/// Shards and epochs as two arrays.
class HoldingArrays {
public:
  explicit HoldingArrays(std::span<const Holding> holdings);
  void append_to(pqxx::params& parameters);

private:
  BinaryArray shards_{ElementType::int2};
  BinaryArray epochs_{ElementType::int8};
};

} // namespace turnwise::storage::postgres
