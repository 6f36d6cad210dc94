#pragma once

#include <arrow/array/data.h>
#include <arrow/result.h>
#include <arrow/type.h>

#include <memory>

#include "asof_arrow.h"

namespace asof {

// `element_nullable`: whether the schema allows null elements of lists, which never occur.
std::shared_ptr<arrow::DataType> arrow_type(const asof_type &type, bool element_nullable = true);

// The rows of `column` from `row` on, in the same memory.
asof_column from_row(const asof_column &column, const asof_type &type, int64_t row);

// `bytes` from `data` on, which stay whose they are.
std::shared_ptr<arrow::Buffer> wrapped(const void *data, int64_t bytes);

// A bit for each byte of `flags`; none where `flags` is NULL.
arrow::Result<std::shared_ptr<arrow::Buffer>> bitmap(const uint8_t *flags, int64_t count);

// Offsets from the first on, as Arrow has them.
arrow::Result<std::shared_ptr<arrow::Buffer>> narrow_offsets(const int64_t *offsets, int64_t count);

arrow::Result<std::shared_ptr<arrow::ArrayData>> text_data(
    const std::shared_ptr<arrow::DataType> &type,
    int64_t count,
    std::shared_ptr<arrow::Buffer> validity,
    const int64_t *offsets,
    const uint8_t *bytes
);

// `column` as Arrow data that points into it wherever the layouts agree. Adds its size to `bytes`.
arrow::Result<std::shared_ptr<arrow::ArrayData>> array_data(
    const std::shared_ptr<arrow::DataType> &type,
    const asof_type &kind,
    const asof_column &column,
    int64_t rows,
    int64_t &bytes
);

}  // namespace asof
