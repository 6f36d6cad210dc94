#include "crc32.h"

#include <arrow/util/crc32.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace asof {

#ifdef __x86_64__
namespace {

#define ASOF_FOLDING __attribute__((target("pclmul,sse4.1")))

// The remainders of the bit-reflected polynomial that move 128 bits over a distance: 64 bytes, 16 bytes, and for the end
// 8 bytes; then the polynomial and its reciprocal (Gopal et al., "Fast CRC Computation for Generic Polynomials Using
// PCLMULQDQ Instruction", 2009).
struct Distance {
    uint64_t low;
    uint64_t high;
};
constexpr Distance over_64{0x154442bd4, 0x1c6e41596};
constexpr Distance over_16{0x1751997d0, 0x0ccaa009e};
constexpr Distance over_8{0x163cd6124, 0};
constexpr Distance reduction{0x1db710641, 0x1f7011641};

ASOF_FOLDING __m128i constant(const Distance &distance) {
    return _mm_set_epi64x(static_cast<int64_t>(distance.high), static_cast<int64_t>(distance.low));
}

// `value`, moved over the distance, and `next` added.
ASOF_FOLDING __m128i fold(__m128i value, __m128i distance, __m128i next) {
    __m128i low = _mm_clmulepi64_si128(value, distance, 0x00);
    __m128i high = _mm_clmulepi64_si128(value, distance, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

ASOF_FOLDING __m128i load(const uint8_t *bytes) { return _mm_loadu_si128(reinterpret_cast<const __m128i *>(bytes)); }

// `count` is a multiple of 16, and at least 64. `state` is the inverted checksum, as is what comes back.
ASOF_FOLDING uint32_t fold_all(uint32_t state, const uint8_t *bytes, size_t count) {
    __m128i part[4];
    for (int index = 0; index < 4; index++) part[index] = load(bytes + 16 * index);
    part[0] = _mm_xor_si128(part[0], _mm_cvtsi32_si128(static_cast<int>(state)));
    __m128i distance = constant(over_64);
    size_t at = 64;
    for (; at + 64 <= count; at += 64)
        for (int index = 0; index < 4; index++) part[index] = fold(part[index], distance, load(bytes + at + 16 * index));
    distance = constant(over_16);
    __m128i sum = part[0];
    for (int index = 1; index < 4; index++) sum = fold(sum, distance, part[index]);
    for (; at + 16 <= count; at += 16) sum = fold(sum, distance, load(bytes + at));
    // From 128 bits to 64, then by Barrett's reduction to 32.
    const __m128i mask = _mm_setr_epi32(~0, 0, ~0, 0);
    sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, distance, 0x10));
    __m128i rest = _mm_srli_si128(sum, 4);
    sum = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(sum, mask), constant(over_8), 0x00), rest);
    distance = constant(reduction);
    __m128i quotient = _mm_and_si128(_mm_clmulepi64_si128(_mm_and_si128(sum, mask), distance, 0x10), mask);
    sum = _mm_xor_si128(sum, _mm_clmulepi64_si128(quotient, distance, 0x00));
    return static_cast<uint32_t>(_mm_extract_epi32(sum, 1));
}

bool can_fold() {
    static const bool can = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
    return can;
}

}  // namespace
#endif

uint32_t crc32(uint32_t previous, const void *bytes, size_t count) {
    auto start = static_cast<const uint8_t *>(bytes);
#ifdef __x86_64__
    if (count >= 64 && can_fold()) {
        size_t folded = count & ~static_cast<size_t>(15);
        previous = ~fold_all(~previous, start, folded);
        start += folded;
        count -= folded;
    }
#endif
    return arrow::internal::crc32(previous, start, count);
}

}  // namespace asof
