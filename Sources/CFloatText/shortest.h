// The shortest decimal number that reads back to a binary floating-point number, the nearest one of several.
//
// Raffaello Giulietti's algorithm Schubfach ("The Schubfach way to render doubles", 2020). Its table of powers of ten is
// computed once, when the program starts: 617 powers in less than a millisecond.
#ifndef ASOF_SHORTEST_H
#define ASOF_SHORTEST_H

#include <cstdint>

namespace asof {

// digits × 10^exponent
struct Decimal {
    uint64_t digits;
    int32_t exponent;
};

// 10^k as 128 bits, the highest set: 10^k × 2^(127 - floor(log2 10^k)), rounded up.
struct Power {
    uint64_t high;
    uint64_t low;
};

constexpr int32_t power_min = -292;
constexpr int32_t power_max = 324;

// - exponent: between power_min and power_max.
const Power &power_of_ten(int32_t exponent);

inline int32_t floor_log2_pow10(int32_t e) { return (e * 1741647) >> 19; }

inline uint64_t round_to_odd(const Power &power, uint64_t value) {
    const auto low = static_cast<unsigned __int128>(power.low) * value;
    const auto high = static_cast<unsigned __int128>(power.high) * value + static_cast<uint64_t>(low >> 64);
    return static_cast<uint64_t>(high >> 64) | (static_cast<uint64_t>(high) > 1);
}

inline uint32_t round_to_odd(uint64_t power, uint32_t value) {
    const auto product = static_cast<unsigned __int128>(power) * value;
    return static_cast<uint32_t>(product >> 64) | (static_cast<uint32_t>(product >> 32) > 1);
}

// Chooses between the candidates around a value in quarters, within bounds.
// - lower, upper: the quarters that still read back to the value.
template <typename Word> Decimal choose(Word lower, Word value, Word upper, int32_t k) {
    const Word s = value / 4;
    if (s >= 10) {
        const Word tenth = s / 10;
        const bool is_below = lower <= 40 * tenth;
        const bool is_above = 40 * tenth + 40 <= upper;
        if (is_below != is_above) return {tenth + is_above, k + 1};
    }
    const bool is_below = lower <= 4 * s;
    const bool is_above = 4 * s + 4 <= upper;
    if (is_below != is_above) return {s + is_above, k};
    const Word middle = 4 * s + 2;
    return {s + (value > middle || (value == middle && (s & 1) != 0)), k};
}

// Of a positive finite double that is given by its bits.
inline Decimal shortest(uint64_t bits) {
    const uint64_t fraction = bits & ((uint64_t{1} << 52) - 1);
    const auto biased = static_cast<int32_t>(bits >> 52);
    const uint64_t c = biased != 0 ? fraction | uint64_t{1} << 52 : fraction;
    const int32_t q = (biased != 0 ? biased : 1) - 1075;
    const bool is_closer_below = fraction == 0 && biased > 1;
    const int32_t k = (q * 1262611 - (is_closer_below ? 524031 : 0)) >> 22;
    const int32_t h = q + floor_log2_pow10(-k) + 1;
    const Power &power = power_of_ten(-k);
    const uint64_t is_odd = c & 1;
    const uint64_t below = round_to_odd(power, (4 * c - 2 + is_closer_below) << h);
    const uint64_t value = round_to_odd(power, (4 * c) << h);
    const uint64_t above = round_to_odd(power, (4 * c + 2) << h);
    return choose<uint64_t>(below + is_odd, value, above - is_odd, k);
}

// Of a positive finite float that is given by its bits.
inline Decimal shortest(uint32_t bits) {
    const uint32_t fraction = bits & ((uint32_t{1} << 23) - 1);
    const auto biased = static_cast<int32_t>(bits >> 23);
    const uint32_t c = biased != 0 ? fraction | uint32_t{1} << 23 : fraction;
    const int32_t q = (biased != 0 ? biased : 1) - 150;
    const bool is_closer_below = fraction == 0 && biased > 1;
    const int32_t k = (q * 1262611 - (is_closer_below ? 524031 : 0)) >> 22;
    const int32_t h = q + floor_log2_pow10(-k) + 1;
    // 64 bits, rounded up, are enough for 24.
    const Power &wide = power_of_ten(-k);
    const uint64_t power = wide.high + (wide.low != 0);
    const uint32_t is_odd = c & 1;
    const uint32_t below = round_to_odd(power, (4 * c - 2 + is_closer_below) << h);
    const uint32_t value = round_to_odd(power, (4 * c) << h);
    const uint32_t above = round_to_odd(power, (4 * c + 2) << h);
    return choose<uint32_t>(below + is_odd, value, above - is_odd, k);
}

} // namespace asof

#endif
