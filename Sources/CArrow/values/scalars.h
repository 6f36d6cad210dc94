#pragma once

#include <arrow/util/float16.h>

#include <cmath>
#include <utility>
#include <vector>

#include "cells.h"

namespace asof {

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

// Times and integers of `times.unit` as µs since 1970-01-01 UTC; `moved_ns` gets how far each was moved, if any was.
asof_status timestamps(
    const arrow::Array &array,
    const asof_times &times,
    bool rounds_up,
    int64_t *out,
    std::vector<uint16_t> &moved_ns,
    asof_failure *failure
);

}  // namespace asof
