#include "include/float_text.h"
#include "shortest.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

using asof::Decimal;

// Eight digits, the first in the lowest byte, each a number from 0 to 9; `value` has at most eight.
uint64_t eight_digits(uint32_t value) {
    // Halves, then quarters, then digits, each step on all parts at once: x / 100 = x * 10486 >> 20 below 10,000, and
    // x / 10 = x * 103 >> 10 below 100.
    const uint64_t halves = uint64_t{value % 10'000} << 32 | value / 10'000;
    const uint64_t hundreds = halves * 10'486 >> 20 & 0x0000'007F'0000'007F;
    const uint64_t quarters = (halves - hundreds * 100) << 16 | hundreds;
    const uint64_t tens = quarters * 103 >> 10 & 0x000F'000F'000F'000F;
    return (quarters - tens * 10) << 8 | tens;
}

constexpr uint64_t ascii_zeros = 0x3030'3030'3030'3030;

// A number's significant digits: without zeros at either end.
struct Digits {
    // Three blocks of eight, and room so that 24 bytes can be read from any of them.
    char block[48];
    int start;
    int count;
    // Of the first digit: the number is d.ddd × 10^exponent.
    int exponent;

    // - decimal: not 0.
    explicit Digits(Decimal decimal) {
        const uint64_t high = decimal.digits / 100'000'000;
        const uint64_t low = eight_digits(static_cast<uint32_t>(decimal.digits % 100'000'000));
        uint64_t middle = 0;
        uint64_t top = 0;
        if (high != 0) {
            middle = eight_digits(static_cast<uint32_t>(high % 100'000'000));
            top = high / 100'000'000 * 0x0100'0000'0000'0000;
        }
        store(0, top);
        store(8, middle);
        store(16, low);
        // `top` has a single digit, since there are at most 17.
        start = top != 0 ? 7 : middle != 0 ? 8 + __builtin_ctzll(middle) / 8 : 16 + __builtin_ctzll(low) / 8;
        const int end = low != 0 ? 24 - __builtin_clzll(low) / 8 : middle != 0 ? 16 - __builtin_clzll(middle) / 8 : 8;
        count = end - start;
        exponent = decimal.exponent + 23 - start;
    }

    const char *text() const { return block + start; }

private:
    void store(int at, uint64_t digits) {
        digits |= ascii_zeros;
        std::memcpy(block + at, &digits, sizeof digits);
    }
};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "digits are stored as little-endian words");

// The shorter of fixed and scientific notation, fixed where both are equally long; as std::to_chars chooses.
int32_t write(Decimal decimal, char *out) {
    const Digits digits(decimal);
    const int count = digits.count;
    const int exponent = digits.exponent;
    const int scientific = count + (count > 1) + (exponent <= -100 || exponent >= 100 ? 5 : 4);
    const int fixed = exponent >= count - 1 ? exponent + 1 : exponent >= 0 ? count + 1 : count + 1 - exponent;
    if (fixed <= scientific) {
        if (exponent < 0) {
            std::memcpy(out, "0.000000", 8);
            std::memcpy(out + 1 - exponent, digits.text(), 24);
        } else if (exponent >= count - 1) {
            // Zeros follow the digits where the number has some before its point.
            std::memcpy(out, digits.text(), 24);
            for (int at = count; at <= exponent; at++) out[at] = '0';
        } else {
            std::memcpy(out, digits.text(), 24);
            std::memcpy(out + exponent + 2, digits.text() + exponent + 1, 16);
            out[exponent + 1] = '.';
        }
        return fixed;
    }
    out[0] = digits.text()[0];
    char *at = out + 1;
    if (count > 1) {
        *at++ = '.';
        std::memcpy(at, digits.text() + 1, 16);
        at += count - 1;
    }
    *at++ = 'e';
    *at++ = exponent < 0 ? '-' : '+';
    int magnitude = exponent < 0 ? -exponent : exponent;
    if (magnitude >= 100) {
        *at++ = static_cast<char>('0' + magnitude / 100);
        magnitude %= 100;
    }
    *at++ = static_cast<char>('0' + magnitude / 10);
    *at++ = static_cast<char>('0' + magnitude % 10);
    return static_cast<int32_t>(at - out);
}

// Integers beyond 2^53 are written with all their digits, which the shortest decimal does not have.
template <typename Number> int32_t by_library(Number value, char *out) {
    return static_cast<int32_t>(std::to_chars(out, out + ASOF_FLOAT_TEXT_MAX, value).ptr - out);
}

template <typename Number> int32_t special(Number value, char *out) {
    // std::to_chars writes `-nan` for a NaN with its sign bit set.
    if (std::isnan(value)) {
        std::memcpy(out, "nan", 3);
        return 3;
    }
    return by_library(value, out);
}

} // namespace

int32_t asof_double_text(double value, char *out) {
    const double size = std::fabs(value);
    // Not for NaN, infinities, large integers and zeros.
    if (!(size < 9007199254740992.0) || size == 0) return special(value, out);
    char *start = out;
    if (std::signbit(value)) *out++ = '-';
    // Most numbers that people make have a few decimals: then they are a quotient of two exact doubles, and of at most
    // 15 digits, which no other decimal as short reads back to.
    if (size < 1e9) {
        const auto millionths = static_cast<uint64_t>(size * 1e6 + 0.5);
        if (static_cast<double>(millionths) / 1e6 == size) {
            return static_cast<int32_t>(out - start) + write({millionths, -6}, out);
        }
    }
    uint64_t bits;
    std::memcpy(&bits, &size, sizeof bits);
    return static_cast<int32_t>(out - start) + write(asof::shortest(bits), out);
}

int32_t asof_float_text(float value, char *out) {
    const float size = std::fabs(value);
    if (!(size < 16777216.0f) || size == 0) return special(value, out);
    char *start = out;
    if (std::signbit(value)) *out++ = '-';
    uint32_t bits;
    std::memcpy(&bits, &size, sizeof bits);
    return static_cast<int32_t>(out - start) + write(asof::shortest(bits), out);
}
