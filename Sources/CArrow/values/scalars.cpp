#include "scalars.h"

#include "type_ids.h"

namespace asof {
namespace {

// 0001-01-01 and 9999-12-31T23:59:59.999999 in µs.
constexpr int64_t time_min = -62135596800000000;
constexpr int64_t time_max = 253402300799999999;

// Times of one unit to µs.
struct Microseconds {
    int64_t per_second;
    bool rounds_up;
    int64_t rows;
    std::vector<uint16_t> &moved_ns;

    // µs of `value` units of 1 / `per_second` s; false where out of range.
    bool operator()(int64_t row, int64_t value, int64_t &out) const {
        if (per_second > 1000000) {
            // Nothing finer than ns.
            int64_t divisor = per_second / 1000000;
            int64_t rest = value % divisor;
            if (rest < 0) rest += divisor;
            out = value / divisor - (value < 0 && rest > 0 ? 1 : 0);
            int64_t above = rest * (1000 / divisor);
            if (above > 0) {
                if (moved_ns.empty()) moved_ns.resize(static_cast<size_t>(rows), 0);
                moved_ns[static_cast<size_t>(row)] = static_cast<uint16_t>(rounds_up ? 1000 - above : above);
                if (rounds_up) out++;
            }
        } else if (__builtin_mul_overflow(value, 1000000 / per_second, &out)) {
            return false;
        }
        return out >= time_min && out <= time_max;
    }
};

constexpr const char *time_reason = "it lies outside the years 1 to 9999";

int64_t per_second(asof_time_unit unit) {
    switch (unit) {
        case ASOF_UNIT_S: return 1;
        case ASOF_UNIT_MS: return 1000;
        case ASOF_UNIT_US: return 1000000;
        default: return 1000000000;
    }
}

}  // namespace

asof_status timestamps(
    const arrow::Array &array,
    const asof_times &times,
    bool rounds_up,
    int64_t *out,
    std::vector<uint16_t> &moved_ns,
    asof_failure *failure
) {
    Microseconds microseconds{1, rounds_up, array.length(), moved_ns};
    switch (array.type_id()) {
        case Type::TIMESTAMP: {
            microseconds.per_second = per_second(static_cast<const arrow::TimestampType &>(*array.type()).unit());
            return each(array, out, failure, [&](int64_t row, int64_t &slot) -> const char * {
                auto value = static_cast<const arrow::TimestampArray &>(array).Value(row);
                return microseconds(row, value, slot) ? nullptr : time_reason;
            });
        }
        case Type::DATE32:
            return each(array, out, failure, [&](int64_t row, int64_t &slot) -> const char * {
                int64_t days = static_cast<const arrow::Date32Array &>(array).Value(row);
                return microseconds(row, days * 86400, slot) ? nullptr : time_reason;
            });
        case Type::DATE64:
            microseconds.per_second = 1000;
            return each(array, out, failure, [&](int64_t row, int64_t &slot) -> const char * {
                auto value = static_cast<const arrow::Date64Array &>(array).Value(row);
                return microseconds(row, value, slot) ? nullptr : time_reason;
            });
        default: {
            microseconds.per_second = per_second(times.unit);
            return with_integers(array, [&](const auto &typed) {
                return each(array, out, failure, [&](int64_t row, int64_t &slot) -> const char * {
                    auto value = typed.Value(row);
                    if (!std::in_range<int64_t>(value)) return "it is out of range";
                    if (!microseconds(row, static_cast<int64_t>(value), slot)) return time_reason;
                    return slot >= 0 && slot < times.early_until_us ? times.early_reason : nullptr;
                });
            });
        }
    }
}

}  // namespace asof
