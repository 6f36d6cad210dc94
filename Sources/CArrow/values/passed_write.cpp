#include <arrow/api.h>
#include <arrow/extension_type.h>
#include <arrow/util/decimal.h>
#include <arrow/util/float16.h>

#include <cstring>
#include <string_view>

#include "arrays.h"
#include "failure.h"
#include "passed.h"
#include "type_ids.h"

namespace asof {
namespace {

using Data = arrow::Result<std::shared_ptr<arrow::ArrayData>>;
using Bitmap = std::shared_ptr<arrow::Buffer>;

// Integers of the carrier as those of the type, which hold them.
template <typename Wide, typename Narrow>
arrow::Result<std::shared_ptr<arrow::Buffer>> narrowed(const void *values, int64_t count) {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(product(count, sizeof(Narrow))));
    auto in = static_cast<const Wide *>(values);
    auto out = reinterpret_cast<Narrow *>(buffer->mutable_data());
    for (int64_t row = 0; row < count; row++) out[row] = static_cast<Narrow>(in[row]);
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

template <typename Wide>
arrow::Result<std::shared_ptr<arrow::Buffer>> integers_of(Type::type id, const void *values, int64_t count) {
    switch (id) {
        case Type::INT8:
        case Type::UINT8: return narrowed<Wide, int8_t>(values, count);
        case Type::INT16:
        case Type::UINT16: return narrowed<Wide, int16_t>(values, count);
        case Type::INT64:
        case Type::UINT64: return narrowed<Wide, int64_t>(values, count);
        default: return narrowed<Wide, int32_t>(values, count);
    }
}

// Values of `width` bytes, each made by `make(row, slot)`; those of null rows are zero.
template <typename Make>
Data fixed_width(
    const std::shared_ptr<arrow::DataType> &type,
    const asof_column &column,
    int64_t rows,
    int64_t width,
    Bitmap validity,
    Make make
) {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(product(rows, width)));
    std::memset(buffer->mutable_data(), 0, static_cast<size_t>(rows * width));
    for (int64_t row = 0; row < rows; row++) {
        if (column.validity && !column.validity[row]) continue;
        ARROW_RETURN_NOT_OK(make(row, buffer->mutable_data() + row * width));
    }
    return arrow::ArrayData::Make(
        type, rows, {std::move(validity), std::shared_ptr<arrow::Buffer>(std::move(buffer))});
}

std::string_view text_of(const asof_column &column, int64_t row) {
    auto length = static_cast<size_t>(column.offsets[row + 1] - column.offsets[row]);
    return {reinterpret_cast<const char *>(column.bytes + column.offsets[row]), length};
}

template <typename Decimal>
Data decimals(
    const std::shared_ptr<arrow::DataType> &type,
    const asof_column &column,
    int64_t rows,
    Bitmap validity
) {
    const auto &decimal = static_cast<const arrow::DecimalType &>(*type);
    return fixed_width(type, column, rows, decimal.byte_width(), std::move(validity), [&](int64_t row, uint8_t *slot) {
        Decimal value;
        int32_t precision = 0, scale = 0;
        ARROW_RETURN_NOT_OK(Decimal::FromString(text_of(column, row), &value, &precision, &scale));
        ARROW_ASSIGN_OR_RAISE(value, value.Rescale(scale, decimal.scale()));
        std::memcpy(slot, value.native_endian_bytes(), static_cast<size_t>(decimal.byte_width()));
        return arrow::Status::OK();
    });
}

Data bytes_of_width(
    const std::shared_ptr<arrow::DataType> &type,
    const asof_column &column,
    int64_t rows,
    int64_t width,
    Bitmap validity
) {
    return fixed_width(type, column, rows, width, std::move(validity), [&](int64_t row, uint8_t *slot) {
        auto text = text_of(column, row);
        if (static_cast<int64_t>(text.size()) != width) return arrow::Status::Invalid("a value of another length");
        std::memcpy(slot, text.data(), text.size());
        return arrow::Status::OK();
    });
}

Data lists(
    const std::shared_ptr<arrow::DataType> &type,
    const asof_column &column,
    int64_t rows,
    int64_t &bytes,
    Bitmap validity
) {
    const auto &element = type->field(0)->type();
    auto values = static_cast<const int64_t *>(column.values);
    if (type->id() == Type::LIST) {
        int64_t first = column.offsets[0];
        int64_t count = column.offsets[rows] - first;
        bytes += count * 8 + rows * 4;
        ARROW_ASSIGN_OR_RAISE(auto offsets, narrow_offsets(column.offsets, rows + 1));
        ARROW_ASSIGN_OR_RAISE(auto elements, integers_of<int64_t>(element->id(), values + first, count));
        return arrow::ArrayData::Make(
            type, rows, {std::move(validity), offsets}, {arrow::ArrayData::Make(element, count, {nullptr, elements})});
    }
    // Null rows have slots here, which the carrier has not.
    int64_t width = static_cast<const arrow::FixedSizeListType &>(*type).list_size();
    std::vector<int64_t> spread(static_cast<size_t>(product(rows, width)), 0);
    bytes += rows * width * 8;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t at = column.offsets[row]; at < column.offsets[row + 1]; at++)
            spread[static_cast<size_t>(row * width + at - column.offsets[row])] = values[at];
    ARROW_ASSIGN_OR_RAISE(auto elements, integers_of<int64_t>(element->id(), spread.data(), rows * width));
    return arrow::ArrayData::Make(
        type, rows, {std::move(validity)}, {arrow::ArrayData::Make(element, rows * width, {nullptr, elements})});
}

}  // namespace

Data passed_data(
    const std::shared_ptr<arrow::DataType> &type,
    const asof_column &column,
    int64_t rows,
    int64_t &bytes
) {
    if (type->id() == Type::NA) return arrow::ArrayData::Make(type, rows, {nullptr}, rows);
    ARROW_ASSIGN_OR_RAISE(auto validity, bitmap(column.validity, rows));
    auto buffers = [&](std::shared_ptr<arrow::Buffer> values) {
        bytes += values->size();
        return arrow::ArrayData::Make(type, rows, {validity, std::move(values)});
    };
    switch (type->id()) {
        case Type::INT8:
        case Type::INT16:
        case Type::UINT8:
        case Type::UINT16: {
            ARROW_ASSIGN_OR_RAISE(auto values, integers_of<int32_t>(type->id(), column.values, rows));
            return buffers(values);
        }
        case Type::UINT32:
        case Type::TIME32: {
            ARROW_ASSIGN_OR_RAISE(auto values, integers_of<int64_t>(Type::INT32, column.values, rows));
            return buffers(values);
        }
        case Type::DATE32:
        case Type::INTERVAL_MONTHS: return buffers(wrapped(column.values, product(rows, 4)));
        case Type::UINT64:
        case Type::DATE64:
        case Type::TIME64:
        case Type::TIMESTAMP:
        case Type::DURATION: return buffers(wrapped(column.values, product(rows, 8)));
        case Type::HALF_FLOAT: {
            auto values = static_cast<const float *>(column.values);
            bytes += rows * 2;
            return fixed_width(type, column, rows, 2, validity, [&](int64_t row, uint8_t *slot) {
                auto bits = arrow::util::Float16(values[row]).bits();
                std::memcpy(slot, &bits, sizeof(bits));
                return arrow::Status::OK();
            });
        }
        case Type::DECIMAL32: bytes += rows * 4; return decimals<arrow::Decimal32>(type, column, rows, validity);
        case Type::DECIMAL64: bytes += rows * 8; return decimals<arrow::Decimal64>(type, column, rows, validity);
        case Type::DECIMAL128: bytes += rows * 16; return decimals<arrow::Decimal128>(type, column, rows, validity);
        case Type::DECIMAL256: bytes += rows * 32; return decimals<arrow::Decimal256>(type, column, rows, validity);
        case Type::INTERVAL_DAY_TIME: bytes += rows * 8; return bytes_of_width(type, column, rows, 8, validity);
        case Type::INTERVAL_MONTH_DAY_NANO: bytes += rows * 16; return bytes_of_width(type, column, rows, 16, validity);
        case Type::FIXED_SIZE_BINARY: {
            auto width = static_cast<const arrow::FixedSizeBinaryType &>(*type).byte_width();
            bytes += product(rows, width);
            return bytes_of_width(type, column, rows, width, validity);
        }
        case Type::EXTENSION:
            if (static_cast<const arrow::ExtensionType &>(*type).storage_type()->id() != Type::FIXED_SIZE_BINARY) {
                bytes += column.offsets[rows] - column.offsets[0] + rows * 4;
                return text_data(type, rows, validity, column.offsets, column.bytes);
            }
            bytes += rows * 16;
            return bytes_of_width(type, column, rows, 16, validity);
        case Type::LIST:
        case Type::FIXED_SIZE_LIST: return lists(type, column, rows, bytes, validity);
        default: return arrow::Status::Invalid("unknown type ", type->ToString());
    }
}

}  // namespace asof
