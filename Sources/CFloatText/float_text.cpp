#include "include/float_text.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace {

template <typename Number>
int32_t text(Number value, char *out) {
    // std::to_chars writes `-nan` for a NaN with its sign bit set.
    if (std::isnan(value)) {
        std::memcpy(out, "nan", 3);
        return 3;
    }
    return static_cast<int32_t>(std::to_chars(out, out + ASOF_FLOAT_TEXT_MAX, value).ptr - out);
}

} // namespace

int32_t asof_double_text(double value, char *out) { return text(value, out); }
int32_t asof_float_text(float value, char *out) { return text(value, out); }
