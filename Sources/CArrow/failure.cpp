#include "failure.h"

#include <cstdlib>
#include <cstring>

namespace asof {

namespace {

// For free(); null where memory is out.
char *copy(std::string_view text) {
    auto bytes = static_cast<char *>(malloc(text.size() + 1));
    if (!bytes) return nullptr;
    std::memcpy(bytes, text.data(), text.size());
    bytes[text.size()] = 0;
    return bytes;
}

}  // namespace

asof_status fail(
    asof_failure *failure,
    asof_status status,
    std::string_view reason,
    int64_t row,
    std::string_view value
) noexcept {
    asof_failure_clear(failure);
    failure->status = status;
    failure->row = row;
    failure->reason = copy(reason);
    failure->value = copy(value);
    return status;
}

asof_status fail(asof_failure *failure, const arrow::Status &status) noexcept {
    try {
        // The detail carries the system's own error.
        std::string detail = status.detail() ? ": " + status.detail()->ToString() : "";
        return fail(failure, ASOF_FILE, status.message() + detail);
    } catch (...) {
        return fail(failure, ASOF_FILE, status.message());
    }
}

}  // namespace asof

void asof_failure_clear(asof_failure *failure) {
    free(failure->reason);
    free(failure->value);
    *failure = asof_failure{};
}
