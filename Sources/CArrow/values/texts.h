#pragma once

#include <cstdint>
#include <vector>

#include "cells.h"
#include "convert.h"

namespace asof {

// Appends texts `first..<first + count` of `array`, of any type that is text or bytes, and their end offsets.
// Returns the row that is refused, or -1.
int64_t append_any_texts(
    const arrow::Array &array,
    int64_t first,
    int64_t count,
    bool is_string,
    std::vector<int64_t> &offsets,
    std::vector<uint8_t> &bytes,
    const char *&reason
);

asof_status texts(const arrow::Array &array, bool is_string, ColumnData &data, asof_failure *failure);

}  // namespace asof
