#pragma once

#include <cstddef>
#include <cstdint>

namespace asof {

// CRC-32 as zlib has it; `previous` is 0 or that of the bytes before. By carry-less multiplication where the processor has it,
// at the speed of memory.
uint32_t crc32(uint32_t previous, const void *bytes, size_t count);

}  // namespace asof
