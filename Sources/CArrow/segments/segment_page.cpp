#include "segment_page.h"

#include <cstring>

#include "crc32.h"

namespace asof {

using arrow::Status;

Scratch &Scratch::of_this_thread() {
    thread_local Scratch scratch;
    return scratch;
}

namespace {

// A page's checksum covers what follows the header; the header itself is held against the page index and the footer,
// whose own checksum was found right.
Status check(const Chunk &chunk, size_t number, const uint8_t *bytes, PageHeader &header) {
    bool is_dictionary = number == chunk.pages.size();
    const Page &page = is_dictionary ? chunk.dictionary : chunk.pages[number];
    auto damaged = [&](const char *what) {
        return Status::IOError("the page at byte ", page.offset, " is damaged: ", what);
    };
    if (!parse_header(bytes, page.bytes, header)) return damaged("it has no header");
    if (header.compressed_bytes != page.bytes - header.header_bytes ||
        header.compressed_bytes != header.uncompressed_bytes)
        return damaged("its length is another");
    if (header.type != (is_dictionary ? dictionary_page : data_page)) return damaged("it is of another kind");
    if (!is_dictionary) {
        if (header.encoding != (page.is_dictionary_encoded ? encoding_dictionary : encoding_plain))
            return damaged("its encoding is another");
        if (header.definition_encoding != encoding_rle || header.repetition_encoding != encoding_rle)
            return damaged("the encoding of its levels is another");
        if (chunk.max_repetition == 0 && header.values != page.rows) return damaged("its number of rows is another");
    }
    if (header.crc < 0) return damaged("it has no checksum");
    auto crc = asof::crc32(
        0, bytes + header.header_bytes, static_cast<size_t>(header.compressed_bytes));
    if (crc != header.crc) return damaged("its checksum is another");
    return Status::OK();
}

}  // namespace

arrow::Result<Bytes> load_page(SegmentFile &file, Chunk &chunk, size_t number, std::vector<uint8_t> &memory) {
    const Page &page = number == chunk.pages.size() ? chunk.dictionary : chunk.pages[number];
    memory.resize(static_cast<size_t>(page.bytes));
    ARROW_RETURN_NOT_OK(file.read(page.offset, page.bytes, memory.data()));
    auto &known = chunk.header_bytes[number];
    int64_t header_bytes = known.load(std::memory_order_relaxed);
    if (header_bytes == 0) {
        PageHeader header;
        ARROW_RETURN_NOT_OK(check(chunk, number, memory.data(), header));
        header_bytes = header.header_bytes;
        known.store(static_cast<int32_t>(header_bytes), std::memory_order_relaxed);
    }
    return Bytes{memory.data() + header_bytes, page.bytes - header_bytes};
}

namespace {

Status level_bytes(const Bytes &body, uint32_t &length) {
    if (body.count < 4) return Status::IOError("a page has no levels");
    std::memcpy(&length, body.start, 4);
    return length > body.count - 4 ? Status::IOError("a page's levels are cut short") : Status::OK();
}

}  // namespace

Status take_levels(Bytes &body, int max, int64_t count, std::vector<uint32_t> &out) {
    uint32_t length = 0;
    ARROW_RETURN_NOT_OK(level_bytes(body, length));
    out.resize(static_cast<size_t>(count));
    if (decode_hybrid(body.start + 4, length, max > 1 ? 2 : 1, count, out.data()) < 0)
        return Status::IOError("a page's levels cannot be read");
    body.start += 4 + length;
    body.count -= 4 + length;
    return Status::OK();
}

Status skip_levels(Bytes &body) {
    uint32_t length = 0;
    ARROW_RETURN_NOT_OK(level_bytes(body, length));
    body.start += 4 + length;
    body.count -= 4 + length;
    return Status::OK();
}

int64_t rank_rows(Scratch &scratch) {
    size_t rows = scratch.levels.size();
    scratch.validity.resize(rows);
    scratch.ranks.resize(rows);
    uint32_t rank = 0;
    for (size_t row = 0; row < rows; row++) {
        scratch.ranks[row] = rank;
        rank += scratch.levels[row];
        scratch.validity[row] = static_cast<uint8_t>(scratch.levels[row]);
    }
    return rank;
}

}  // namespace asof
