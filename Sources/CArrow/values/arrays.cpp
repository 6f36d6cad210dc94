#include "arrays.h"

#include <arrow/api.h>

#include <limits>

#include "failure.h"

namespace asof {

std::shared_ptr<arrow::Buffer> wrapped(const void *data, int64_t bytes) {
    return std::make_shared<arrow::Buffer>(static_cast<const uint8_t *>(data), bytes);
}

arrow::Result<std::shared_ptr<arrow::Buffer>> bitmap(const uint8_t *flags, int64_t count) {
    if (!flags) return nullptr;
    ARROW_ASSIGN_OR_RAISE(auto bits, arrow::AllocateEmptyBitmap(count));
    uint8_t *out = bits->mutable_data();
    for (int64_t row = 0; row < count; row++) out[row / 8] |= static_cast<uint8_t>(flags[row] << (row % 8));
    return bits;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> narrow_offsets(const int64_t *offsets, int64_t count) {
    int64_t first = offsets[0];
    if (offsets[count - 1] - first > std::numeric_limits<int32_t>::max())
        return arrow::Status::CapacityError("more than 2 GiB of text in one batch");
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(count * 4));
    auto out = reinterpret_cast<int32_t *>(buffer->mutable_data());
    for (int64_t index = 0; index < count; index++) out[index] = static_cast<int32_t>(offsets[index] - first);
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> text_data(
    const std::shared_ptr<arrow::DataType> &type,
    int64_t count,
    std::shared_ptr<arrow::Buffer> validity,
    const int64_t *offsets,
    const uint8_t *bytes
) {
    ARROW_ASSIGN_OR_RAISE(auto narrowed, narrow_offsets(offsets, count + 1));
    return arrow::ArrayData::Make(type, count, {std::move(validity), narrowed, wrapped(bytes + offsets[0], offsets[count] - offsets[0])});
}

asof_column from_row(const asof_column &column, const asof_type &type, int64_t row) {
    int64_t width = 0;
    switch (type.kind) {
        case ASOF_BOOL: width = 1; break;
        case ASOF_INT32:
        case ASOF_FLOAT32: width = 4; break;
        case ASOF_INT64:
        case ASOF_TIMESTAMP:
        case ASOF_FLOAT64: width = 8; break;
        case ASOF_VECTOR: width = 4 * static_cast<int64_t>(type.dimensions); break;
        case ASOF_STRING:
        case ASOF_BYTES:
        case ASOF_LIST_INT64:
        case ASOF_LIST_STRING: break;
    }
    asof_column rest = column;
    if (rest.validity) rest.validity += row;
    if (rest.values) rest.values = static_cast<const uint8_t *>(rest.values) + row * width;
    if (rest.offsets) rest.offsets += row;
    return rest;
}

std::shared_ptr<arrow::DataType> arrow_type(const asof_type &type, bool element_nullable) {
    auto element = [&](std::shared_ptr<arrow::DataType> of) {
        return arrow::field("item", std::move(of), element_nullable);
    };
    switch (type.kind) {
        case ASOF_BOOL: return arrow::boolean();
        case ASOF_INT32: return arrow::int32();
        case ASOF_INT64: return arrow::int64();
        case ASOF_FLOAT32: return arrow::float32();
        case ASOF_FLOAT64: return arrow::float64();
        case ASOF_STRING: return arrow::utf8();
        case ASOF_BYTES: return arrow::binary();
        case ASOF_TIMESTAMP: return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
        case ASOF_VECTOR: return arrow::fixed_size_list(element(arrow::float32()), type.dimensions);
        case ASOF_LIST_INT64: return arrow::list(element(arrow::int64()));
        case ASOF_LIST_STRING: return arrow::list(element(arrow::utf8()));
    }
    return arrow::null();
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> array_data(
    const std::shared_ptr<arrow::DataType> &type,
    const asof_type &kind,
    const asof_column &column,
    int64_t rows,
    int64_t &bytes
) {
    ARROW_ASSIGN_OR_RAISE(auto validity, bitmap(column.validity, rows));
    auto fixed = [&](int64_t width) {
        int64_t size = product(rows, width);
        bytes += size;
        return arrow::ArrayData::Make(type, rows, {validity, wrapped(column.values, size)});
    };
    switch (kind.kind) {
        case ASOF_BOOL: {
            bytes += rows / 8;
            ARROW_ASSIGN_OR_RAISE(auto bits, bitmap(static_cast<const uint8_t *>(column.values), rows));
            return arrow::ArrayData::Make(type, rows, {validity, bits});
        }
        case ASOF_INT32:
        case ASOF_FLOAT32: return fixed(4);
        case ASOF_INT64:
        case ASOF_TIMESTAMP:
        case ASOF_FLOAT64: return fixed(8);
        case ASOF_STRING:
        case ASOF_BYTES:
            bytes += column.offsets[rows] - column.offsets[0] + rows * 4;
            return text_data(type, rows, validity, column.offsets, column.bytes);
        case ASOF_VECTOR: {
            int64_t count = product(rows, kind.dimensions);
            int64_t size = product(count, 4);
            bytes += size;
            auto elements = arrow::ArrayData::Make(arrow::float32(), count, {nullptr, wrapped(column.values, size)});
            return arrow::ArrayData::Make(type, rows, {validity}, {elements});
        }
        case ASOF_LIST_INT64: {
            int64_t first = column.offsets[0];
            int64_t count = column.offsets[rows] - first;
            int64_t size = product(count, 8);
            bytes += size + rows * 4;
            ARROW_ASSIGN_OR_RAISE(auto offsets, narrow_offsets(column.offsets, rows + 1));
            auto values = wrapped(static_cast<const int64_t *>(column.values) + first, size);
            auto elements = arrow::ArrayData::Make(arrow::int64(), count, {nullptr, values});
            return arrow::ArrayData::Make(type, rows, {validity, offsets}, {elements});
        }
        case ASOF_LIST_STRING: {
            const int64_t *element_offsets = column.element_offsets + column.offsets[0];
            int64_t count = column.offsets[rows] - column.offsets[0];
            bytes += element_offsets[count] - element_offsets[0] + (count + rows) * 4;
            ARROW_ASSIGN_OR_RAISE(auto offsets, narrow_offsets(column.offsets, rows + 1));
            ARROW_ASSIGN_OR_RAISE(
                auto elements, text_data(arrow::utf8(), count, nullptr, element_offsets, column.bytes));
            return arrow::ArrayData::Make(type, rows, {validity, offsets}, {elements});
        }
    }
    return arrow::Status::Invalid("unknown type");
}

}  // namespace asof
