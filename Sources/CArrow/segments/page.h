#pragma once

#include <arrow/status.h>

#include <cstdint>
#include <vector>

namespace asof {

// What a Parquet page's header says, as far as it matters.
struct PageHeader {
    int64_t type = -1;
    int64_t uncompressed_bytes = -1;
    int64_t compressed_bytes = -1;
    // -1: the page has none.
    int64_t crc = -1;
    // Data pages and dictionary pages.
    int64_t values = -1;
    int64_t encoding = -1;
    int64_t definition_encoding = -1;
    int64_t repetition_encoding = -1;
    // How many bytes the header itself takes.
    int64_t header_bytes = 0;
};

// Thrift's numbers for what stands in headers.
enum : int64_t { data_page = 0, dictionary_page = 2, encoding_plain = 0, encoding_rle = 3, encoding_dictionary = 8 };

// Reads a header in Thrift's compact protocol; false where there is none or it is cut short.
bool parse_header(const uint8_t *bytes, int64_t count, PageHeader &header);

// Decodes `count` numbers of `bit_width` bits in Parquet's hybrid of run lengths and bit packing into `out`.
// Returns the bytes that they took, -1 where they are cut short or too large.
int64_t decode_hybrid(const uint8_t *bytes, int64_t size, int bit_width, int64_t count, uint32_t *out);

}  // namespace asof
