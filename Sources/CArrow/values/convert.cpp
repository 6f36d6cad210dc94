#include "convert.h"

#include "lists.h"
#include "scalars.h"
#include "texts.h"

namespace asof {
namespace {

// Slots for a column of nulls.
void all_null(int64_t rows, asof_type type, ColumnData &data) {
    switch (type.kind) {
        case ASOF_BOOL: data.fixed<uint8_t>(rows); break;
        case ASOF_INT32: data.fixed<int32_t>(rows); break;
        case ASOF_FLOAT32: data.fixed<float>(rows); break;
        case ASOF_VECTOR: data.fixed<float>(rows, type.dimensions); break;
        case ASOF_INT64:
        case ASOF_TIMESTAMP:
        case ASOF_FLOAT64: data.fixed<int64_t>(rows); break;
        default:
            data.offsets.resize(static_cast<size_t>(rows) + 1, 0);
            data.element_offsets.push_back(0);
            data.fixed<int64_t>(0);
    }
}

}  // namespace

asof_status convert(
    const arrow::Array &array,
    asof_type type,
    const asof_times &times,
    ColumnData &data,
    asof_failure *failure
) {
    int64_t rows = array.length();
    data.clear();
    if (array.type_id() == Type::NA) {
        data.validity.assign(static_cast<size_t>(rows), 0);
        all_null(rows, type, data);
        return ASOF_OK;
    }
    if (array.null_count() > 0) {
        data.validity.resize(static_cast<size_t>(rows));
        for (int64_t row = 0; row < rows; row++) data.validity[static_cast<size_t>(row)] = array.IsValid(row);
    }
    data.offsets.push_back(0);
    switch (type.kind) {
        case ASOF_BOOL:
            return each(array, data.fixed<uint8_t>(rows), failure, [&](int64_t row, uint8_t &slot) -> const char * {
                slot = static_cast<const arrow::BooleanArray &>(array).Value(row);
                return nullptr;
            });
        case ASOF_INT32: return integers(array, data.fixed<int32_t>(rows), failure);
        case ASOF_INT64: return integers(array, data.fixed<int64_t>(rows), failure);
        case ASOF_FLOAT32: return floats(array, data.fixed<float>(rows), failure);
        case ASOF_FLOAT64: return floats(array, data.fixed<double>(rows), failure);
        case ASOF_STRING: return texts(array, true, data, failure);
        case ASOF_BYTES: return texts(array, false, data, failure);
        case ASOF_TIMESTAMP: return timestamps(array, times, type.rounds_up, data.fixed<int64_t>(rows), data.moved_ns, failure);
        case ASOF_VECTOR: return vectors(array, type.dimensions, data, failure);
        case ASOF_LIST_INT64: return integer_lists(array, data, failure);
        case ASOF_LIST_STRING: return text_lists(array, data, failure);
    }
    return fail(failure, ASOF_FILE, "unknown type");
}

}  // namespace asof
