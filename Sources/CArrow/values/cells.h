#pragma once

#include <arrow/array.h>

#include <cstdint>
#include <string>

#include "asof_arrow.h"
#include "failure.h"

namespace asof {

using arrow::Type;

// The value in `row`, as a message shows it.
std::string shown(const arrow::Array &array, int64_t row);

asof_status bad_value(const arrow::Array &array, int64_t row, const char *reason, asof_failure *failure);

// One row after the other: null rows keep their zero; `convert(row, out)` returns why a value is refused, or nullptr.
template <typename Out, typename Convert>
asof_status each(const arrow::Array &array, Out *out, asof_failure *failure, Convert convert) {
    bool has_nulls = array.null_count() > 0;
    for (int64_t row = 0; row < array.length(); row++) {
        if (has_nulls && array.IsNull(row)) continue;
        if (const char *reason = convert(row, out[row])) return bad_value(array, row, reason, failure);
    }
    return ASOF_OK;
}

// Calls `body` with `array` as its integer array type.
template <typename Body>
asof_status with_integers(const arrow::Array &array, Body body) {
    switch (array.type_id()) {
        case Type::INT8: return body(static_cast<const arrow::Int8Array &>(array));
        case Type::INT16: return body(static_cast<const arrow::Int16Array &>(array));
        case Type::INT32: return body(static_cast<const arrow::Int32Array &>(array));
        case Type::INT64: return body(static_cast<const arrow::Int64Array &>(array));
        case Type::UINT8: return body(static_cast<const arrow::UInt8Array &>(array));
        case Type::UINT16: return body(static_cast<const arrow::UInt16Array &>(array));
        case Type::UINT32: return body(static_cast<const arrow::UInt32Array &>(array));
        default: return body(static_cast<const arrow::UInt64Array &>(array));
    }
}

}  // namespace asof
