#include "convert.h"

#include <arrow/api.h>
#include <arrow/scalar.h>
#include <arrow/util/float16.h>
#include <arrow/util/utf8.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "failure.h"
#include "type_ids.h"

namespace asof {
namespace {

using arrow::Type;

constexpr int64_t text_bytes_max = 1 << 20;
// 0001-01-01 and 9999-12-31T23:59:59.999999 in µs.
constexpr int64_t time_min = -62135596800000000;
constexpr int64_t time_max = 253402300799999999;

std::string shown(const arrow::Array &array, int64_t row) {
    auto scalar = array.GetScalar(row);
    if (!scalar.ok()) return "?";
    std::string text = (*scalar)->ToString();
    // Arrow writes a list's type before it.
    if (list_id(array.type_id())) text.erase(0, std::min(text.find('['), text.size()));
    // The C string that this becomes ends at the first NUL.
    for (size_t at; (at = text.find('\0')) != std::string::npos;) text.replace(at, 1, "\uFFFD");
    return text;
}

asof_status bad_value(const arrow::Array &array, int64_t row, const char *reason, asof_failure *failure) {
    return fail(failure, ASOF_VALUE, reason, row, shown(array, row));
}

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

template <typename Out>
asof_status integers(const arrow::Array &array, Out *out, asof_failure *failure) {
    return with_integers(array, [&](const auto &typed) {
        return each(array, out, failure, [&](int64_t row, Out &slot) -> const char * {
            auto value = typed.Value(row);
            if (!std::in_range<Out>(value)) return "it is out of range";
            slot = static_cast<Out>(value);
            return nullptr;
        });
    });
}

template <typename Out>
asof_status floats(const arrow::Array &array, Out *out, asof_failure *failure) {
    switch (array.type_id()) {
        case Type::HALF_FLOAT:
            return each(array, out, failure, [&](int64_t row, Out &slot) -> const char * {
                auto bits = static_cast<const arrow::HalfFloatArray &>(array).Value(row);
                slot = arrow::util::Float16::FromBits(bits).ToFloat();
                return nullptr;
            });
        case Type::FLOAT:
            return each(array, out, failure, [&](int64_t row, Out &slot) -> const char * {
                slot = static_cast<const arrow::FloatArray &>(array).Value(row);
                return nullptr;
            });
        case Type::DOUBLE:
            return each(array, out, failure, [&](int64_t row, Out &slot) -> const char * {
                double value = static_cast<const arrow::DoubleArray &>(array).Value(row);
                slot = static_cast<Out>(value);
                return std::isinf(slot) && !std::isinf(value) ? "it is out of range" : nullptr;
            });
        default:
            return with_integers(array, [&](const auto &typed) {
                return each(array, out, failure, [&](int64_t row, Out &slot) -> const char * {
                    auto value = typed.Value(row);
                    slot = static_cast<Out>(value);
                    // Back by way of a type that holds 2^64, so that the comparison itself is exact.
                    bool is_exact = static_cast<__int128>(slot) == static_cast<__int128>(value);
                    return is_exact ? nullptr : "the integer has no exact floating-point value";
                });
            });
    }
}

// µs of `value` units of 1 / `per_second` s, floored; false where out of range.
bool microseconds(int64_t value, int64_t per_second, int64_t &out) {
    if (per_second > 1000000) {
        int64_t divisor = per_second / 1000000;
        out = value / divisor - (value % divisor < 0 ? 1 : 0);
    } else if (__builtin_mul_overflow(value, 1000000 / per_second, &out)) {
        return false;
    }
    return out >= time_min && out <= time_max;
}

constexpr const char *time_reason = "it lies outside the years 1 to 9999";

int64_t per_second(arrow::TimeUnit::type unit) {
    switch (unit) {
        case arrow::TimeUnit::SECOND: return 1;
        case arrow::TimeUnit::MILLI: return 1000;
        case arrow::TimeUnit::MICRO: return 1000000;
        default: return 1000000000;
    }
}

asof_status timestamps(const arrow::Array &array, asof_time_unit unit, int64_t *out, asof_failure *failure) {
    switch (array.type_id()) {
        case Type::TIMESTAMP: {
            auto scale = per_second(static_cast<const arrow::TimestampType &>(*array.type()).unit());
            return each(array, out, failure, [&](int64_t row, int64_t &slot) -> const char * {
                auto value = static_cast<const arrow::TimestampArray &>(array).Value(row);
                return microseconds(value, scale, slot) ? nullptr : time_reason;
            });
        }
        case Type::DATE32:
            return each(array, out, failure, [&](int64_t row, int64_t &slot) -> const char * {
                int64_t days = static_cast<const arrow::Date32Array &>(array).Value(row);
                return microseconds(days * 86400, 1, slot) ? nullptr : time_reason;
            });
        case Type::DATE64:
            return each(array, out, failure, [&](int64_t row, int64_t &slot) -> const char * {
                auto value = static_cast<const arrow::Date64Array &>(array).Value(row);
                return microseconds(value, 1000, slot) ? nullptr : time_reason;
            });
        default: {
            int64_t scale = unit == ASOF_UNIT_S ? 1 : unit == ASOF_UNIT_MS ? 1000 : unit == ASOF_UNIT_US ? 1000000 : 1000000000;
            return with_integers(array, [&](const auto &typed) {
                return each(array, out, failure, [&](int64_t row, int64_t &slot) -> const char * {
                    auto value = typed.Value(row);
                    if (!std::in_range<int64_t>(value)) return "it is out of range";
                    return microseconds(static_cast<int64_t>(value), scale, slot) ? nullptr : time_reason;
                });
            });
        }
    }
}

const char *text_refusal(std::string_view text, bool is_string) {
    if (static_cast<int64_t>(text.size()) > text_bytes_max) return "it has more than 1048576 bytes";
    if (!is_string) return nullptr;
    if (text.find('\0') != std::string_view::npos) return "it contains U+0000, which PostgreSQL cannot store in text";
    if (!arrow::util::ValidateUTF8(reinterpret_cast<const uint8_t *>(text.data()), static_cast<int64_t>(text.size())))
        return "it is not valid UTF-8";
    return nullptr;
}

// Appends texts `first..<first + count` of `array`, whose `view(row)` is a string_view, and their end offsets.
// Returns the row that is refused, or -1.
template <typename View>
int64_t append_texts(
    const arrow::Array &array,
    int64_t first,
    int64_t count,
    bool is_string,
    std::vector<int64_t> &offsets,
    std::vector<uint8_t> &bytes,
    const char *&reason,
    View view
) {
    for (int64_t row = first; row < first + count; row++) {
        if (!array.IsNull(row)) {
            const auto &text = view(row);
            if ((reason = text_refusal(text, is_string))) return row;
            auto data = reinterpret_cast<const uint8_t *>(text.data());
            bytes.insert(bytes.end(), data, data + text.size());
        }
        offsets.push_back(static_cast<int64_t>(bytes.size()));
    }
    return -1;
}

// As append_texts, for every type that is text or bytes.
int64_t append_any_texts(
    const arrow::Array &array,
    int64_t first,
    int64_t count,
    bool is_string,
    std::vector<int64_t> &offsets,
    std::vector<uint8_t> &bytes,
    const char *&reason
) {
    auto append = [&](auto view) {
        return append_texts(array, first, count, is_string, offsets, bytes, reason, view);
    };
    switch (array.type_id()) {
        case Type::STRING:
        case Type::BINARY:
            return append([&](int64_t row) { return static_cast<const arrow::BinaryArray &>(array).GetView(row); });
        case Type::LARGE_STRING:
        case Type::LARGE_BINARY:
            return append([&](int64_t row) { return static_cast<const arrow::LargeBinaryArray &>(array).GetView(row); });
        case Type::STRING_VIEW:
        case Type::BINARY_VIEW:
            return append([&](int64_t row) { return static_cast<const arrow::BinaryViewArray &>(array).GetView(row); });
        case Type::FIXED_SIZE_BINARY:
            return append([&](int64_t row) {
                return static_cast<const arrow::FixedSizeBinaryArray &>(array).GetView(row);
            });
        default: return append([&](int64_t row) { return shown(array, row); });
    }
}

asof_status texts(const arrow::Array &array, bool is_string, ColumnData &data, asof_failure *failure) {
    const char *reason = nullptr;
    int64_t bad;
    if (array.type_id() == Type::DICTIONARY) {
        const auto &dictionary = static_cast<const arrow::DictionaryArray &>(array);
        std::vector<int64_t> offsets{0};
        std::vector<uint8_t> bytes;
        int64_t words = dictionary.dictionary()->length();
        bad = append_any_texts(*dictionary.dictionary(), 0, words, is_string, offsets, bytes, reason);
        // A bad word that no row uses harms nobody, so the first row that uses one is looked for.
        for (int64_t row = 0; row < array.length(); row++) {
            if (!array.IsNull(row)) {
                auto word = static_cast<size_t>(dictionary.GetValueIndex(row));
                if (dictionary.dictionary()->IsNull(static_cast<int64_t>(word))) {
                    data.validity.resize(static_cast<size_t>(array.length()), 1);
                    data.validity[static_cast<size_t>(row)] = 0;
                } else if (bad >= 0 && static_cast<int64_t>(word) >= bad) return bad_value(array, row, reason, failure);
                data.bytes.insert(data.bytes.end(), bytes.begin() + offsets[word], bytes.begin() + offsets[word + 1]);
            }
            data.offsets.push_back(static_cast<int64_t>(data.bytes.size()));
        }
        return ASOF_OK;
    }
    bad = append_any_texts(array, 0, array.length(), is_string, data.offsets, data.bytes, reason);
    return bad < 0 ? ASOF_OK : bad_value(array, bad, reason, failure);
}

// Where a row's elements lie in a list array's values.
struct ListShape {
    const arrow::Array *elements;
    const arrow::Array &array;

    explicit ListShape(const arrow::Array &array) : array(array) {
        switch (array.type_id()) {
            case Type::LIST: elements = static_cast<const arrow::ListArray &>(array).values().get(); break;
            case Type::LARGE_LIST: elements = static_cast<const arrow::LargeListArray &>(array).values().get(); break;
            default: elements = static_cast<const arrow::FixedSizeListArray &>(array).values().get();
        }
    }
    int64_t first(int64_t row) const {
        switch (array.type_id()) {
            case Type::LIST: return static_cast<const arrow::ListArray &>(array).value_offset(row);
            case Type::LARGE_LIST: return static_cast<const arrow::LargeListArray &>(array).value_offset(row);
            default: return static_cast<const arrow::FixedSizeListArray &>(array).value_offset(row);
        }
    }
    int64_t count(int64_t row) const {
        switch (array.type_id()) {
            case Type::LIST: return static_cast<const arrow::ListArray &>(array).value_length(row);
            case Type::LARGE_LIST: return static_cast<const arrow::LargeListArray &>(array).value_length(row);
            default: return static_cast<const arrow::FixedSizeListArray &>(array).value_length();
        }
    }
    bool has_null(int64_t row) const {
        if (elements->null_count() == 0) return false;
        for (int64_t at = first(row); at < first(row) + count(row); at++)
            if (elements->IsNull(at)) return true;
        return false;
    }
};

constexpr const char *null_element = "it has a null element";

asof_status vectors(const arrow::Array &array, int32_t dimensions, ColumnData &data, asof_failure *failure) {
    ListShape lists(array);
    float *out = data.fixed<float>(array.length() * dimensions);
    for (int64_t row = 0; row < array.length(); row++) {
        if (array.IsNull(row)) continue;
        int64_t count = lists.count(row);
        if (count != dimensions)
            return bad_value(array, row, ("it has " + std::to_string(count) + " elements").c_str(), failure);
        if (lists.has_null(row)) return bad_value(array, row, null_element, failure);
        auto slice = lists.elements->Slice(lists.first(row), count);
        asof_failure inner{};
        if (floats(*slice, out + row * dimensions, &inner) != ASOF_OK) {
            std::string reason = std::string("an element of it is refused: ") + inner.reason;
            asof_failure_clear(&inner);
            return bad_value(array, row, reason.c_str(), failure);
        }
    }
    return ASOF_OK;
}

asof_status integer_lists(const arrow::Array &array, ColumnData &data, asof_failure *failure) {
    ListShape lists(array);
    int64_t total = 0;
    for (int64_t row = 0; row < array.length(); row++) {
        if (!array.IsNull(row)) total += lists.count(row);
        data.offsets.push_back(total);
    }
    int64_t *out = data.fixed<int64_t>(total);
    return with_integers(*lists.elements, [&](const auto &typed) -> asof_status {
        for (int64_t row = 0; row < array.length(); row++) {
            if (array.IsNull(row)) continue;
            if (lists.has_null(row)) return bad_value(array, row, null_element, failure);
            for (int64_t at = lists.first(row); at < lists.first(row) + lists.count(row); at++) {
                auto value = typed.Value(at);
                if (!std::in_range<int64_t>(value)) return bad_value(array, row, "an element is out of range", failure);
                *out++ = static_cast<int64_t>(value);
            }
        }
        return ASOF_OK;
    });
}

asof_status text_lists(const arrow::Array &array, ColumnData &data, asof_failure *failure) {
    ListShape lists(array);
    data.element_offsets.push_back(0);
    for (int64_t row = 0; row < array.length(); row++) {
        if (!array.IsNull(row)) {
            if (lists.has_null(row)) return bad_value(array, row, null_element, failure);
            const char *reason = nullptr;
            auto bad = append_any_texts(
                *lists.elements, lists.first(row), lists.count(row), true, data.element_offsets, data.bytes, reason);
            if (bad >= 0) return bad_value(array, row, reason, failure);
        }
        data.offsets.push_back(static_cast<int64_t>(data.element_offsets.size()) - 1);
    }
    return ASOF_OK;
}

// Slots for a column of nulls.
void all_null(int64_t rows, asof_type type, ColumnData &data) {
    switch (type.kind) {
        case ASOF_BOOL: data.fixed<uint8_t>(rows); break;
        case ASOF_INT32: data.fixed<int32_t>(rows); break;
        case ASOF_FLOAT32: data.fixed<float>(rows); break;
        case ASOF_VECTOR: data.fixed<float>(rows * type.dimensions); break;
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
    asof_time_unit unit,
    ColumnData &data,
    asof_failure *failure
) {
    int64_t rows = array.length();
    data.validity.clear();
    data.offsets.clear();
    data.element_offsets.clear();
    data.bytes.clear();
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
        case ASOF_TIMESTAMP: return timestamps(array, unit, data.fixed<int64_t>(rows), failure);
        case ASOF_VECTOR: return vectors(array, type.dimensions, data, failure);
        case ASOF_LIST_INT64: return integer_lists(array, data, failure);
        case ASOF_LIST_STRING: return text_lists(array, data, failure);
    }
    return fail(failure, ASOF_FILE, "unknown type");
}

}  // namespace asof
