#include <parquet/page_index.h>
#include <parquet/properties.h>
#include <parquet/statistics.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "crc32.h"
#include "segment.h"

namespace asof {

using arrow::Status;

SegmentFile::~SegmentFile() {
    if (file >= 0 && !copy) close(file);
}

Status SegmentFile::read(int64_t offset, int64_t bytes, uint8_t *out) const {
    read_count.fetch_add(bytes, std::memory_order_relaxed);
    if (copy) ARROW_RETURN_NOT_OK(copy->hold(offset, bytes));
    while (bytes > 0) {
        ssize_t count = pread(file, out, static_cast<size_t>(bytes), offset);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return Status::IOError("it cannot be read: ", std::strerror(errno));
        if (count == 0) return Status::IOError("it has become shorter");
        offset += count;
        out += count;
        bytes -= count;
    }
    return Status::OK();
}

Status SegmentFile::open(int descriptor, int64_t bytes, int64_t tail_bytes, uint32_t tail_crc) {
    file = descriptor;
    struct stat status;
    if (fstat(file, &status) != 0) return Status::IOError(std::strerror(errno));
    if (status.st_size != bytes)
        return Status::IOError("it has ", status.st_size, " bytes; ", bytes, " were written");
    return read_tail(bytes, tail_bytes, tail_crc);
}

Status SegmentFile::open(std::unique_ptr<BlockCopy> object, int64_t bytes, int64_t tail_bytes, uint32_t tail_crc) {
    copy = std::move(object);
    file = copy->descriptor();
    return read_tail(bytes, tail_bytes, tail_crc);
}

Status SegmentFile::read_tail(int64_t bytes, int64_t tail_bytes, uint32_t tail_crc) {
    if (tail_bytes < 12 || tail_bytes > bytes) return Status::IOError("its footer is not where it was written");
    size = bytes;
    tail_offset = bytes - tail_bytes;
    tail.resize(static_cast<size_t>(tail_bytes));
    // Of an object without the block around it, which may never be asked for.
    ARROW_RETURN_NOT_OK(
        copy ? copy->read(tail_offset, tail_bytes, tail.data()) : read(tail_offset, tail_bytes, tail.data()));
    if (asof::crc32(0, tail.data(), tail.size()) != tail_crc)
        return Status::IOError("its footer is damaged: the checksum is another");
    const uint8_t *end = tail.data() + tail_bytes;
    uint32_t length = 0;
    std::memcpy(&length, end - 8, 4);
    if (std::memcmp(end - 4, "PAR1", 4) != 0 || length > tail_bytes - 8)
        return Status::IOError("it does not end as a Parquet file does");
    footer = parquet::FileMetaData::Make(end - 8 - length, &length);
    return Status::OK();
}

int SegmentFile::leaf(const std::string &name) const {
    const auto *schema = footer->schema();
    for (int column = 0; column < schema->num_columns(); column++)
        if (schema->Column(column)->path()->ToDotVector()[0] == name) return column;
    return -1;
}

arrow::Result<Chunk *> SegmentFile::chunk(int group, int column) {
    std::lock_guard lock(mutex);
    auto &slot = chunks[{group, column}];
    if (!slot) {
        ARROW_ASSIGN_OR_RAISE(slot, make_chunk(group, column));
    }
    return slot.get();
}

arrow::Result<std::unique_ptr<Chunk>> SegmentFile::make_chunk(int group, int column) const {
    auto row_group = footer->RowGroup(group);
    auto metadata = row_group->ColumnChunk(column);
    const auto *descriptor = footer->schema()->Column(column);
    auto made = std::make_unique<Chunk>();
    made->type = descriptor->physical_type();
    made->max_definition = descriptor->max_definition_level();
    made->max_repetition = descriptor->max_repetition_level();
    made->rows = row_group->num_rows();
    auto statistics = metadata->statistics();
    made->nulls = statistics && statistics->HasNullCount() ? statistics->null_count() : -1;
    if (metadata->compression() != parquet::Compression::UNCOMPRESSED)
        return Status::IOError("a column is compressed, which segments are not");

    auto location = metadata->GetOffsetIndexLocation();
    if (!location || location->offset < tail_offset || location->offset > size || location->length < 0 ||
        location->length > size - location->offset)
        return Status::IOError("it has no page index");
    auto index = parquet::OffsetIndex::Make(
        tail.data() + (location->offset - tail_offset), location->length, parquet::default_reader_properties());
    int64_t dictionary_pages = 0;
    for (const auto &stats : metadata->encoding_stats())
        if (stats.page_type == parquet::PageType::DATA_PAGE && stats.encoding == parquet::Encoding::RLE_DICTIONARY)
            dictionary_pages += stats.count;
    const auto &places = index->page_locations();
    for (size_t at = 0; at < places.size(); at++) {
        int64_t first = places[at].first_row_index;
        int64_t next = at + 1 < places.size() ? places[at + 1].first_row_index : made->rows;
        bool is_sensible = first >= 0 && next > first && next - first <= page_rows_max;
        Page page{
            places[at].offset, places[at].compressed_page_size, first, is_sensible ? next - first : 0,
            static_cast<int64_t>(at) < dictionary_pages};
        if (!is_sensible || page.offset < 4 || page.offset > tail_offset || page.bytes <= 0 ||
            page.bytes > tail_offset - page.offset)
            return Status::IOError("its page index makes no sense");
        made->pages.push_back(page);
    }
    if (made->pages.empty() || made->pages[0].first_row != 0) return Status::IOError("its page index makes no sense");
    if (metadata->has_dictionary_page()) {
        int64_t start = metadata->dictionary_page_offset();
        made->dictionary = {start, made->pages[0].offset - start, 0, 0, false};
        if (start < 4 || made->dictionary.bytes <= 0) return Status::IOError("its dictionary is not where it should be");
    }
    made->header_bytes = std::make_unique<std::atomic<int32_t>[]>(made->pages.size() + 1);
    return made;
}

}  // namespace asof
