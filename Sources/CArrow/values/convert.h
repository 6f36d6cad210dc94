#pragma once

#include <arrow/array.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "asof_arrow.h"
#include "failure.h"

namespace asof {

// The buffers behind an asof_column, used again from batch to batch.
struct ColumnData {
    std::vector<uint8_t> validity;
    std::vector<uint8_t> values;
    std::vector<int64_t> offsets;
    std::vector<int64_t> element_offsets;
    std::vector<uint8_t> bytes;
    // Of times: how far each was moved; empty where none was.
    std::vector<uint16_t> moved_ns;

    void clear() {
        validity.clear();
        offsets.clear();
        element_offsets.clear();
        bytes.clear();
        moved_ns.clear();
    }

    // Zeros for `count` values, or `count` times `width` of them.
    template <typename T>
    T *fixed(int64_t count, int64_t width = 1) {
        values.assign(static_cast<size_t>(product(product(count, width), sizeof(T))), 0);
        return reinterpret_cast<T *>(values.data());
    }
};

// The type that keeps every value of `type`; none where there is no such type.
std::optional<asof_type> natural_type(const arrow::DataType &type);

// Whether values of `from` can be values of `to`; otherwise `hint` says what to do.
bool is_convertible(const arrow::DataType &from, asof_type to, asof_time_unit unit, std::string *hint);

// Fills `data` with the rows of `array` as `type`. Only for convertible types.
asof_status convert(
    const arrow::Array &array,
    asof_type type,
    const asof_times &times,
    ColumnData &data,
    asof_failure *failure
);

}  // namespace asof
