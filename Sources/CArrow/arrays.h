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

// `column` as Arrow data that points into it wherever the layouts agree. Adds its size to `bytes`.
arrow::Result<std::shared_ptr<arrow::ArrayData>> array_data(
    const std::shared_ptr<arrow::DataType> &type,
    const asof_type &kind,
    const asof_column &column,
    int64_t rows,
    int64_t &bytes
);

}  // namespace asof
