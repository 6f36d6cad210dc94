#pragma once

#include <arrow/result.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "asof_arrow.h"
#include "block_copy.h"
#include "convert.h"

namespace asof {

// The byte behind a column chunk's last page.
inline int64_t chunk_end(const parquet::ColumnChunkMetaData &chunk) {
    int64_t start = chunk.data_page_offset();
    if (chunk.has_dictionary_page()) start = std::min(start, chunk.dictionary_page_offset());
    return start + chunk.total_compressed_size();
}

// Rows of a page at most: more than our writer makes, few enough for memory of a few MiB.
constexpr int64_t page_rows_max = 1 << 20;

struct Page {
    int64_t offset;
    // With its header.
    int64_t bytes;
    // Within the row group.
    int64_t first_row;
    int64_t rows;
    bool is_dictionary_encoded;
};

// One column of one row group: where its pages are, by the file's page index.
struct Chunk {
    parquet::Type::type type;
    int max_definition;
    int max_repetition;
    int64_t rows;
    // -1 = not known.
    int64_t nulls;
    std::vector<Page> pages;
    // Without one, `bytes` is 0.
    Page dictionary{};
    // The length of each page's header once page and header were found to be whole; 0 before. The dictionary's is the
    // last. Threads may find it out side by side.
    std::unique_ptr<std::atomic<int32_t>[]> header_bytes;
};

// An open file. Threads may share it: what is not constant is behind the mutex or atomic.
class SegmentFile {
public:
    ~SegmentFile();
    // Takes ownership of `descriptor`, also on failure. The last `tail_bytes` of `bytes`, which are page index and
    // footer, have the checksum `tail_crc`.
    arrow::Status open(int descriptor, int64_t bytes, int64_t tail_bytes, uint32_t tail_crc);
    // The same of an object of which a copy is made as it is read.
    arrow::Status open(std::unique_ptr<BlockCopy> object, int64_t bytes, int64_t tail_bytes, uint32_t tail_crc);

    const parquet::FileMetaData &metadata() const { return *footer; }
    // The leaf column below a column of the table; -1 where there is none.
    int leaf(const std::string &name) const;
    arrow::Result<Chunk *> chunk(int group, int column);
    arrow::Status read(int64_t offset, int64_t bytes, uint8_t *out) const;
    int64_t bytes_read() const { return read_count.load(std::memory_order_relaxed); }

private:
    arrow::Result<std::unique_ptr<Chunk>> make_chunk(int group, int column) const;
    arrow::Status read_tail(int64_t bytes, int64_t tail_bytes, uint32_t tail_crc);

    mutable std::atomic<int64_t> read_count{0};
    int file = -1;
    // Of an object; its file is then the copy's.
    std::unique_ptr<BlockCopy> copy;
    int64_t size = 0;
    int64_t tail_offset = 0;
    std::vector<uint8_t> tail;
    std::shared_ptr<parquet::FileMetaData> footer;
    std::mutex mutex;
    std::map<std::pair<int, int>, std::unique_ptr<Chunk>> chunks;
};

// Which rows of a row group are wanted: all, or those of an ascending list.
struct WantedRows {
    // Null = all.
    const int32_t *rows;
    int64_t count;
};

// Fixed widths: `count` values to `values` (bool: one byte each) and flags to `validity`, 1 = has a value.
arrow::Status read_fixed(
    SegmentFile &file,
    Chunk &chunk,
    asof_type type,
    WantedRows wanted,
    uint8_t *values,
    uint8_t *validity,
    bool *has_nulls
);

// Texts, vectors and lists.
arrow::Status read_variable(SegmentFile &file, Chunk &chunk, asof_type type, WantedRows wanted, ColumnData &data);

}  // namespace asof
