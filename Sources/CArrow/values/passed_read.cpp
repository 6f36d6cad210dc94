#include <arrow/extension_type.h>
#include <arrow/util/decimal.h>

#include <string>

#include "cells.h"
#include "lists.h"
#include "passed.h"
#include "scalars.h"
#include "texts.h"
#include "type_ids.h"

namespace asof {
namespace {

// The shortest plain text of `digits` times 10 to the power of minus `scale`: what Swift's ExactNumber has.
std::string plain(std::string digits, int32_t scale) {
    bool is_negative = digits.starts_with('-');
    if (is_negative) digits.erase(0, 1);
    if (digits == "0") return digits;
    if (scale < 0) digits.append(static_cast<size_t>(-scale), '0');
    if (scale > 0) {
        auto fraction = static_cast<size_t>(scale);
        if (digits.size() <= fraction) digits.insert(0, fraction + 1 - digits.size(), '0');
        digits.insert(digits.size() - fraction, 1, '.');
        digits.erase(digits.find_last_not_of('0') + 1);
        if (digits.back() == '.') digits.pop_back();
    }
    return is_negative ? "-" + digits : digits;
}

template <typename Decimal, typename Array>
void decimals(const arrow::Array &array, ColumnData &data) {
    auto scale = static_cast<const arrow::DecimalType &>(*array.type()).scale();
    for (int64_t row = 0; row < array.length(); row++) {
        if (array.IsValid(row)) {
            auto text = plain(Decimal(static_cast<const Array &>(array).GetValue(row)).ToIntegerString(), scale);
            data.bytes.insert(data.bytes.end(), text.begin(), text.end());
        }
        data.offsets.push_back(static_cast<int64_t>(data.bytes.size()));
    }
}

// Counts of units of which `from` make a second (or a day) as counts of units of which `to` do.
struct Scaling {
    int64_t from;
    int64_t to;

    const char *operator()(int64_t value, int64_t &out) const {
        if (from > to) {
            out = value / (from / to);
            return value % (from / to) == 0 ? nullptr : "it is finer than the column's unit";
        }
        return __builtin_mul_overflow(value, to / from, &out) ? "it is out of range" : nullptr;
    }
};

template <typename Array, typename Out>
asof_status counts(const arrow::Array &array, Scaling scaling, Out *out, asof_failure *failure) {
    return each(array, out, failure, [&](int64_t row, Out &slot) -> const char * {
        int64_t count = 0;
        if (const char *reason = scaling(static_cast<const Array &>(array).Value(row), count)) return reason;
        if (!std::in_range<Out>(count)) return "it is out of range";
        slot = static_cast<Out>(count);
        return nullptr;
    });
}

template <typename Out>
asof_status dates(const arrow::Array &array, int64_t per_day, Out *out, asof_failure *failure) {
    if (array.type_id() == Type::DATE32) return counts<arrow::Date32Array>(array, {1, per_day}, out, failure);
    return counts<arrow::Date64Array>(array, {86400000, per_day}, out, failure);
}

// Values of one width, byte by byte.
asof_status fixed_bytes(const arrow::Array &array, int64_t width, ColumnData &data, asof_failure *failure) {
    data.offsets.clear();
    data.offsets.push_back(0);
    if (auto status = texts(array, false, data, failure); status != ASOF_OK) return status;
    for (int64_t row = 0; row < array.length(); row++) {
        auto at = static_cast<size_t>(row);
        if (array.IsValid(row) && data.offsets[at + 1] - data.offsets[at] != width)
            return bad_value(array, row, "it has another length than the column's values", failure);
    }
    return ASOF_OK;
}

// The bytes of values that are structs of integers, as this machine has them.
template <typename Array>
void structs(const arrow::Array &array, ColumnData &data) {
    for (int64_t row = 0; row < array.length(); row++) {
        if (array.IsValid(row)) {
            auto value = static_cast<const Array &>(array).GetValue(row);
            auto start = reinterpret_cast<const uint8_t *>(&value);
            data.bytes.insert(data.bytes.end(), start, start + sizeof(value));
        }
        data.offsets.push_back(static_cast<int64_t>(data.bytes.size()));
    }
}

asof_status passed_values(
    const arrow::Array &array,
    const arrow::DataType &type,
    ColumnData &data,
    asof_failure *failure
) {
    int64_t rows = array.length();
    switch (type.id()) {
        case Type::INT8:
        case Type::INT16:
        case Type::UINT8:
        case Type::UINT16: return integers(array, data.fixed<int32_t>(rows), failure);
        case Type::UINT32: return integers(array, data.fixed<int64_t>(rows), failure);
        case Type::UINT64: return integers(array, data.fixed<uint64_t>(rows), failure);
        case Type::HALF_FLOAT: return floats(array, data.fixed<float>(rows), failure);
        case Type::DECIMAL32:
        case Type::DECIMAL64:
        case Type::DECIMAL128:
        case Type::DECIMAL256:
            switch (array.type_id()) {
                case Type::DECIMAL32: decimals<arrow::Decimal32, arrow::Decimal32Array>(array, data); break;
                case Type::DECIMAL64: decimals<arrow::Decimal64, arrow::Decimal64Array>(array, data); break;
                case Type::DECIMAL128: decimals<arrow::Decimal128, arrow::Decimal128Array>(array, data); break;
                default: decimals<arrow::Decimal256, arrow::Decimal256Array>(array, data);
            }
            return ASOF_OK;
        case Type::DATE32: return dates(array, 1, data.fixed<int32_t>(rows), failure);
        case Type::DATE64: return dates(array, 86400000, data.fixed<int64_t>(rows), failure);
        case Type::TIME32:
        case Type::TIME64: {
            Scaling scaling{
                per_second(static_cast<const arrow::TimeType &>(*array.type()).unit()),
                per_second(static_cast<const arrow::TimeType &>(type).unit())};
            auto out = data.fixed<int64_t>(rows);
            return array.type_id() == Type::TIME32 ? counts<arrow::Time32Array>(array, scaling, out, failure)
                                                   : counts<arrow::Time64Array>(array, scaling, out, failure);
        }
        case Type::TIMESTAMP: {
            Scaling scaling{
                per_second(static_cast<const arrow::TimestampType &>(*array.type()).unit()),
                per_second(static_cast<const arrow::TimestampType &>(type).unit())};
            return counts<arrow::TimestampArray>(array, scaling, data.fixed<int64_t>(rows), failure);
        }
        case Type::DURATION: {
            Scaling scaling{
                per_second(static_cast<const arrow::DurationType &>(*array.type()).unit()),
                per_second(static_cast<const arrow::DurationType &>(type).unit())};
            return counts<arrow::DurationArray>(array, scaling, data.fixed<int64_t>(rows), failure);
        }
        case Type::INTERVAL_MONTHS:
            return counts<arrow::MonthIntervalArray>(array, {1, 1}, data.fixed<int32_t>(rows), failure);
        case Type::INTERVAL_DAY_TIME: structs<arrow::DayTimeIntervalArray>(array, data); return ASOF_OK;
        case Type::INTERVAL_MONTH_DAY_NANO: structs<arrow::MonthDayNanoIntervalArray>(array, data); return ASOF_OK;
        case Type::FIXED_SIZE_BINARY:
            return fixed_bytes(
                array, static_cast<const arrow::FixedSizeBinaryType &>(type).byte_width(), data, failure);
        case Type::EXTENSION:
            return static_cast<const arrow::ExtensionType &>(type).storage_type()->id() == Type::FIXED_SIZE_BINARY
                ? fixed_bytes(array, 16, data, failure)
                : texts(array, true, data, failure);
        case Type::LIST: return integer_lists(array, data, failure);
        case Type::FIXED_SIZE_LIST: {
            auto count = static_cast<const arrow::FixedSizeListType &>(type).list_size();
            if (auto status = integer_lists(array, data, failure); status != ASOF_OK) return status;
            for (int64_t row = 0; row < rows; row++) {
                auto at = static_cast<size_t>(row);
                if (array.IsValid(row) && data.offsets[at + 1] - data.offsets[at] != count)
                    return bad_value(array, row, "it has another number of elements than the column's", failure);
            }
            return ASOF_OK;
        }
        default: return fail(failure, ASOF_FILE, "unknown type");
    }
}

}  // namespace

asof_status convert_passed(
    const arrow::Array &array,
    const arrow::DataType &type,
    ColumnData &data,
    asof_failure *failure
) {
    data.clear();
    auto rows = static_cast<size_t>(array.length());
    if (array.null_count() > 0 || array.type_id() == Type::NA) {
        data.validity.resize(rows);
        for (size_t row = 0; row < rows; row++) data.validity[row] = array.IsValid(static_cast<int64_t>(row));
    }
    if (array.type_id() == Type::NA) {
        // Every carrier's slots are of at most so many bytes.
        data.validity.assign(rows, 0);
        data.fixed<int64_t>(array.length());
        data.offsets.assign(rows + 1, 0);
        return ASOF_OK;
    }
    data.offsets.push_back(0);
    return passed_values(array, type, data, failure);
}

}  // namespace asof
