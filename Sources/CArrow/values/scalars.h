#pragma once

#include <arrow/util/float16.h>

#include <cmath>
#include <utility>
#include <vector>

#include "cells.h"

namespace asof {

// The integer that a float is; otherwise why it is none. From 2^digits on, where floats leave integers out, it may have been
// another one before.
template <typename Out>
const char *integer_of(double value, int digits, Out &out) {
    if (std::isnan(value)) return "it is NaN";
    if (std::trunc(value) != value) return "it has a fraction";
    if (std::abs(value) >= std::ldexp(1.0, digits))
        return "it is beyond the integers that floats of its width tell apart; store it as an integer";
    auto integer = static_cast<int64_t>(value);
    if (!std::in_range<Out>(integer)) return "it is out of range";
    out = static_cast<Out>(integer);
    return nullptr;
}

// Calls `body` with a function that gives the integer in a row of `array`, of integers or floats, as integer_of does.
template <typename Out, typename Body>
asof_status with_whole_numbers(const arrow::Array &array, Body body) {
    switch (array.type_id()) {
        case Type::HALF_FLOAT:
            return body([&](int64_t row, Out &out) {
                auto bits = static_cast<const arrow::HalfFloatArray &>(array).Value(row);
                return integer_of<Out>(arrow::util::Float16::FromBits(bits).ToFloat(), 11, out);
            });
        case Type::FLOAT:
            return body([&](int64_t row, Out &out) {
                return integer_of<Out>(static_cast<const arrow::FloatArray &>(array).Value(row), 24, out);
            });
        case Type::DOUBLE:
            return body([&](int64_t row, Out &out) {
                return integer_of<Out>(static_cast<const arrow::DoubleArray &>(array).Value(row), 53, out);
            });
        default:
            return with_integers(array, [&](const auto &typed) {
                return body([&](int64_t row, Out &out) -> const char * {
                    auto value = typed.Value(row);
                    if (!std::in_range<Out>(value)) return "it is out of range";
                    out = static_cast<Out>(value);
                    return nullptr;
                });
            });
    }
}

template <typename Out>
asof_status integers(const arrow::Array &array, Out *out, asof_failure *failure) {
    return with_whole_numbers<Out>(array, [&](auto integer) { return each(array, out, failure, integer); });
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
