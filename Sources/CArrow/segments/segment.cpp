#include "segment.h"

#include <arrow/util/key_value_metadata.h>
#include <parquet/size_statistics.h>
#include <parquet/statistics.h>

#include "crc32.h"
#include "descriptor.h"
#include "failure.h"
#include "objects.h"

struct asof_segment {
    asof::SegmentFile file;
    std::map<std::string, std::string> texts;
};

struct asof_values {
    asof::ColumnData data;
};

namespace {

arrow::Status read_texts(asof_segment &segment) {
    auto metadata = segment.file.metadata().key_value_metadata();
    for (int64_t index = 0; metadata && index < metadata->size(); index++)
        segment.texts[metadata->key(index)] = metadata->value(index);
    return arrow::Status::OK();
}

arrow::Status open_object(
    const asof_objects &objects,
    const std::string &path,
    const std::string &etag,
    int64_t bytes,
    int64_t tail_bytes,
    uint32_t tail_crc,
    asof_segment &segment
) {
    ARROW_ASSIGN_OR_RAISE(auto object, asof::open_object(objects, path));
    if (!object) return arrow::Status::IOError("the object is missing");
    if (object->facts.bytes != bytes)
        return arrow::Status::IOError("it has ", object->facts.bytes, " bytes; ", bytes, " were written");
    if (!etag.empty() && etag != object->facts.etag)
        return arrow::Status::IOError("its ETag is ", object->facts.etag, "; ", etag, " was written");
    ARROW_ASSIGN_OR_RAISE(auto copy, asof::BlockCopy::make(object->file, bytes));
    ARROW_RETURN_NOT_OK(segment.file.open(std::move(copy), bytes, tail_bytes, tail_crc));
    return read_texts(segment);
}

}  // namespace

asof_segment *asof_segment_open(
    int descriptor,
    int64_t bytes,
    int64_t tail_bytes,
    uint32_t tail_crc,
    asof_failure *failure
) {
    asof::Descriptor file(descriptor);
    std::unique_ptr<asof_segment> segment;
    auto status = asof::guarded([&] {
        segment = std::make_unique<asof_segment>();
        ARROW_RETURN_NOT_OK(segment->file.open(file.release(), bytes, tail_bytes, tail_crc));
        return read_texts(*segment);
    });
    if (status.ok()) return segment.release();
    asof::fail(failure, status);
    return nullptr;
}

asof_segment *asof_segment_open_object(
    asof_objects *objects,
    const char *path,
    const char *etag,
    int64_t bytes,
    int64_t tail_bytes,
    uint32_t tail_crc,
    asof_failure *failure
) {
    std::unique_ptr<asof_segment> segment;
    auto status = asof::guarded([&] {
        segment = std::make_unique<asof_segment>();
        return open_object(*objects, path, etag ? etag : "", bytes, tail_bytes, tail_crc, *segment);
    });
    if (status.ok()) return segment.release();
    asof::fail(failure, status);
    return nullptr;
}

void asof_segment_free(asof_segment *segment) { delete segment; }

int64_t asof_segment_row_count(const asof_segment *segment) { return segment->file.metadata().num_rows(); }

int32_t asof_segment_group_count(const asof_segment *segment) { return segment->file.metadata().num_row_groups(); }

int64_t asof_segment_group_rows(const asof_segment *segment, int32_t group) {
    return asof::guarded_or(int64_t(-1), [&] { return segment->file.metadata().RowGroup(group)->num_rows(); });
}

int32_t asof_segment_find(const asof_segment *segment, const char *name) {
    return asof::guarded_or(int32_t(-1), [&] { return segment->file.leaf(name); });
}

asof_kind asof_segment_kind(const asof_segment *segment, int32_t column) {
    return asof::guarded_or(ASOF_BYTES, [&] {
        switch (segment->file.metadata().schema()->Column(column)->physical_type()) {
            case parquet::Type::INT32: return ASOF_INT32;
            case parquet::Type::INT64: return ASOF_INT64;
            case parquet::Type::FLOAT: return ASOF_FLOAT32;
            case parquet::Type::DOUBLE: return ASOF_FLOAT64;
            default: return ASOF_BYTES;
        }
    });
}

const char *asof_segment_text(const asof_segment *segment, const char *key) {
    return asof::guarded_or(static_cast<const char *>(nullptr), [&]() -> const char * {
        auto found = segment->texts.find(key);
        return found == segment->texts.end() ? nullptr : found->second.c_str();
    });
}

int64_t asof_segment_bytes_read(const asof_segment *segment) { return segment->file.bytes_read(); }

int64_t asof_segment_value_bytes(const asof_segment *segment, int32_t column) {
    int64_t bytes = 0;
    (void)asof::guarded([&] {
        const auto &metadata = segment->file.metadata();
        for (int group = 0; group < metadata.num_row_groups(); group++) {
            auto chunk = metadata.RowGroup(group)->ColumnChunk(column);
            auto sizes = chunk->size_statistics();
            if (!sizes || !sizes->unencoded_byte_array_data_bytes) {
                bytes += chunk->total_uncompressed_size();
                continue;
            }
            bytes += *sizes->unencoded_byte_array_data_bytes;
            // Each element of a list of texts has an offset.
            if (metadata.schema()->Column(column)->max_repetition_level() > 0) bytes += chunk->num_values() * 8;
        }
        return arrow::Status::OK();
    });
    return bytes;
}

bool asof_segment_range(const asof_segment *segment, int32_t group, int32_t column, int64_t *low, int64_t *high) {
    bool is_known = false;
    (void)asof::guarded([&] {
        auto statistics = segment->file.metadata().RowGroup(group)->ColumnChunk(column)->statistics();
        if (!statistics || !statistics->HasMinMax() || statistics->physical_type() != parquet::Type::INT64)
            return arrow::Status::OK();
        const auto &typed = static_cast<const parquet::Int64Statistics &>(*statistics);
        *low = typed.min();
        *high = typed.max();
        is_known = true;
        return arrow::Status::OK();
    });
    return is_known;
}

asof_status asof_segment_read_fixed(
    asof_segment *segment,
    int32_t group,
    int32_t column,
    asof_type type,
    const int32_t *rows,
    int64_t count,
    void *values,
    uint8_t *validity,
    bool *has_nulls,
    asof_failure *failure
) {
    auto status = asof::guarded([&] {
        ARROW_ASSIGN_OR_RAISE(auto chunk, segment->file.chunk(group, column));
        if (!rows && count != chunk->rows) return arrow::Status::Invalid("a group has another number of rows");
        return asof::read_fixed(
            segment->file, *chunk, type, {rows, count}, static_cast<uint8_t *>(values), validity, has_nulls);
    });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

asof_values *asof_values_new(void) { return new (std::nothrow) asof_values(); }

void asof_values_free(asof_values *values) { delete values; }

asof_status asof_segment_read_variable(
    asof_segment *segment,
    int32_t group,
    int32_t column,
    asof_type type,
    const int32_t *rows,
    int64_t count,
    asof_values *values,
    asof_column *flat,
    asof_failure *failure
) {
    auto &data = values->data;
    data.validity.clear();
    data.values.clear();
    data.offsets.clear();
    data.element_offsets.clear();
    data.bytes.clear();
    auto status = asof::guarded([&] {
        ARROW_ASSIGN_OR_RAISE(auto chunk, segment->file.chunk(group, column));
        if (!rows && count != chunk->rows) return arrow::Status::Invalid("a group has another number of rows");
        return asof::read_variable(segment->file, *chunk, type, {rows, count}, data);
    });
    if (!status.ok()) return asof::fail(failure, status);
    flat->validity = data.validity.data();
    flat->values = data.values.data();
    flat->offsets = data.offsets.data();
    flat->element_offsets = data.element_offsets.data();
    flat->bytes = data.bytes.data();
    return ASOF_OK;
}

uint32_t asof_crc32(uint32_t previous, const void *bytes, int64_t count) {
    return asof::crc32(previous, bytes, static_cast<size_t>(count));
}
