#include "lists.h"

#include <string>
#include <utility>

#include "cells.h"
#include "scalars.h"
#include "texts.h"
#include "type_ids.h"

namespace asof {
namespace {

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

}  // namespace

asof_status vectors(const arrow::Array &array, int32_t dimensions, ColumnData &data, asof_failure *failure) {
    ListShape lists(array);
    float *out = data.fixed<float>(array.length(), dimensions);
    for (int64_t row = 0; row < array.length(); row++) {
        if (array.IsNull(row)) continue;
        int64_t count = lists.count(row);
        if (count != dimensions)
            return bad_value(array, row, ("it has " + std::to_string(count) + " elements").c_str(), failure);
        if (lists.has_null(row)) return bad_value(array, row, null_element, failure);
        auto slice = lists.elements->Slice(lists.first(row), count);
        asof_failure inner{};
        if (floats(*slice, out + row * dimensions, &inner) != ASOF_OK) {
            std::string reason = std::string("an element of it is refused: ") + (inner.reason ? inner.reason : "");
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
    return with_whole_numbers<int64_t>(*lists.elements, [&](auto integer) -> asof_status {
        for (int64_t row = 0; row < array.length(); row++) {
            if (array.IsNull(row)) continue;
            if (lists.has_null(row)) return bad_value(array, row, null_element, failure);
            for (int64_t at = lists.first(row); at < lists.first(row) + lists.count(row); at++) {
                if (const char *refusal = integer(at, *out)) {
                    std::string reason = std::string("an element of it is refused: ") + refusal;
                    return bad_value(array, row, reason.c_str(), failure);
                }
                out++;
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

}  // namespace asof
