#pragma once

#include "convert.h"

namespace asof {

// Lists of each way that Arrow has for them, with elements that are none of them null.

asof_status vectors(const arrow::Array &array, int32_t dimensions, ColumnData &data, asof_failure *failure);
asof_status integer_lists(const arrow::Array &array, ColumnData &data, asof_failure *failure);
asof_status text_lists(const arrow::Array &array, ColumnData &data, asof_failure *failure);

}  // namespace asof
