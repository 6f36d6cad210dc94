#pragma once

#include <arrow/status.h>

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include "asof_arrow.h"

namespace asof {

// Fills `failure` and returns its status. Where there is no memory for the texts, they are missing.
asof_status fail(
    asof_failure *failure,
    asof_status status,
    std::string_view reason,
    int64_t row = 0,
    std::string_view value = ""
) noexcept;

asof_status fail(asof_failure *failure, const arrow::Status &status) noexcept;

// Runs `body`, which returns an arrow::Status, and turns exceptions into one: parquet-cpp throws.
template <typename Body>
arrow::Status guarded(Body body) noexcept {
    try {
        return body();
    } catch (const std::bad_alloc &) {
        return arrow::Status::OutOfMemory("out of memory");
    } catch (const std::exception &error) {
        return arrow::Status::IOError(error.what());
    } catch (...) {
        return arrow::Status::UnknownError("unknown error");
    }
}

// The same for what has no failure to fill: `fallback` where `body` throws.
template <typename T, typename Body>
T guarded_or(T fallback, Body body) noexcept {
    try {
        return body();
    } catch (...) {
        return fallback;
    }
}

// `count * width`, which is a number of values or bytes. Throws where it is none.
inline int64_t product(int64_t count, int64_t width) {
    int64_t result = 0;
    if (count < 0 || width < 0 || __builtin_mul_overflow(count, width, &result))
        throw std::length_error("more values than memory can hold");
    return result;
}

}  // namespace asof
