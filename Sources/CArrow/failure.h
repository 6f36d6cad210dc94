#pragma once

#include <arrow/status.h>

#include <exception>
#include <new>
#include <string>

#include "asof_arrow.h"

namespace asof {

// Fills `failure` and returns its status.
asof_status fail(
    asof_failure *failure,
    asof_status status,
    const std::string &reason,
    int64_t row = 0,
    const std::string &value = ""
);

inline asof_status fail(asof_failure *failure, const arrow::Status &status) {
    // The detail carries the system's own error.
    std::string detail = status.detail() ? ": " + status.detail()->ToString() : "";
    return fail(failure, ASOF_FILE, status.message() + detail);
}

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

}  // namespace asof
