#include "shortest.h"

#include <array>
#include <cstddef>

namespace asof {
namespace {

// A natural number of up to 1,344 bits, least significant words first.
struct Natural {
    static constexpr std::size_t words = 42;
    std::array<uint32_t, words> word{};

    void times_ten() {
        uint64_t carry = 0;
        for (auto &value : word) {
            carry += uint64_t{value} * 10;
            value = static_cast<uint32_t>(carry);
            carry >>= 32;
        }
    }

    // Rounds down; a chain of such divisions is rounded down once in all.
    void divide_by_ten() {
        uint64_t rest = 0;
        for (std::size_t at = words; at-- > 0;) {
            rest = rest << 32 | word[at];
            word[at] = static_cast<uint32_t>(rest / 10);
            rest %= 10;
        }
    }

    bool bit(std::size_t at) const { return (word[at / 32] >> at % 32 & 1) != 0; }

    // The 128 bits from the highest set one; sets whether any bit below them is set.
    Power top(bool &is_inexact) const {
        std::size_t highest = words * 32 - 1;
        while (!bit(highest)) highest--;
        Power power{0, 0};
        for (std::size_t step = 0; step < 128; step++) {
            const bool is_set = step <= highest && bit(highest - step);
            power.high = power.high << 1 | power.low >> 63;
            power.low = power.low << 1 | (is_set ? 1 : 0);
        }
        is_inexact = false;
        for (std::size_t at = 0; highest >= 128 && at <= highest - 128; at++) is_inexact = is_inexact || bit(at);
        return power;
    }
};

Power rounded_up(Power power) {
    power.low += 1;
    power.high += power.low == 0;
    return power;
}

struct Table {
    std::array<Power, power_max - power_min + 1> power;

    Table() {
        bool is_inexact = false;
        Natural number;
        number.word[0] = 1;
        for (int32_t k = 0; k <= power_max; k++) {
            const Power exact = number.top(is_inexact);
            power[static_cast<std::size_t>(k - power_min)] = is_inexact ? rounded_up(exact) : exact;
            number.times_ten();
        }
        // 2^1343 / 10^k keeps more than 128 bits; 10^-k is never exact.
        number = Natural{};
        number.word[Natural::words - 1] = uint32_t{1} << 31;
        for (int32_t k = -1; k >= power_min; k--) {
            number.divide_by_ten();
            power[static_cast<std::size_t>(k - power_min)] = rounded_up(number.top(is_inexact));
        }
    }
};

const Table table;

} // namespace

const Power &power_of_ten(int32_t exponent) { return table.power[static_cast<std::size_t>(exponent - power_min)]; }

} // namespace asof
