#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/ipc/writer.h>
#include <arrow/util/compression.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "asof_arrow.h"
#include "failure.h"

// A Parquet or Arrow IPC file being written.
struct asof_writer {
    std::shared_ptr<arrow::io::FileOutputStream> out;
    std::shared_ptr<arrow::Schema> schema;
    std::vector<asof_type> types;
    // One of the two.
    std::unique_ptr<parquet::arrow::FileWriter> file;
    std::shared_ptr<arrow::ipc::RecordBatchWriter> ipc;
    // What the open row group holds, uncompressed; its encoded pages stay in memory until it is closed.
    int64_t group_bytes = 0;
    int64_t group_rows = 0;
};

namespace {

constexpr int64_t group_rows_max = 1 << 20;
constexpr int64_t group_bytes_max = 128 << 20;

std::shared_ptr<arrow::DataType> arrow_type(const asof_type &type) {
    switch (type.kind) {
        case ASOF_BOOL: return arrow::boolean();
        case ASOF_INT32: return arrow::int32();
        case ASOF_INT64: return arrow::int64();
        case ASOF_FLOAT32: return arrow::float32();
        case ASOF_FLOAT64: return arrow::float64();
        case ASOF_STRING: return arrow::utf8();
        case ASOF_BYTES: return arrow::binary();
        case ASOF_TIMESTAMP: return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
        case ASOF_VECTOR: return arrow::fixed_size_list(arrow::float32(), type.dimensions);
        case ASOF_LIST_INT64: return arrow::list(arrow::int64());
        case ASOF_LIST_STRING: return arrow::list(arrow::utf8());
    }
    return arrow::null();
}

arrow::Status open_parquet(asof_writer &writer) {
    parquet::WriterProperties::Builder properties;
    properties.compression(arrow::Compression::ZSTD)->compression_level(1);
    properties.max_row_group_length(group_rows_max);
    properties.created_by("asof");
    // Embeddings hardly repeat; trying a dictionary on them costs time and memory.
    for (size_t index = 0; index < writer.types.size(); index++) {
        if (writer.types[index].kind != ASOF_VECTOR) continue;
        properties.disable_dictionary(writer.schema->field(static_cast<int>(index))->name() + ".list.element");
    }
    // Arrow's own schema goes along, so that fixed_size_list and the time zone come back as they are.
    auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    ARROW_ASSIGN_OR_RAISE(
        writer.file,
        parquet::arrow::FileWriter::Open(
            *writer.schema, arrow::default_memory_pool(), writer.out, properties.build(), arrow_properties));
    return arrow::Status::OK();
}

arrow::Status open(
    int descriptor,
    asof_format format,
    int32_t count,
    const char *const *names,
    const asof_type *types,
    asof_writer &writer
) {
    ARROW_ASSIGN_OR_RAISE(writer.out, arrow::io::FileOutputStream::Open(descriptor));
    arrow::FieldVector fields;
    for (int32_t index = 0; index < count; index++)
        fields.push_back(arrow::field(names[index], arrow_type(types[index])));
    writer.types.assign(types, types + count);
    writer.schema = arrow::schema(fields);
    if (format == ASOF_PARQUET) return open_parquet(writer);
    // Not compressed, so that every reader can map it.
    return arrow::ipc::MakeFileWriter(writer.out, writer.schema).Value(&writer.ipc);
}

std::shared_ptr<arrow::Buffer> wrap(const void *data, int64_t bytes) {
    return std::make_shared<arrow::Buffer>(static_cast<const uint8_t *>(data), bytes);
}

arrow::Result<std::shared_ptr<arrow::Buffer>> bitmap(const uint8_t *flags, int64_t count) {
    if (!flags) return nullptr;
    ARROW_ASSIGN_OR_RAISE(auto bits, arrow::AllocateEmptyBitmap(count));
    uint8_t *out = bits->mutable_data();
    for (int64_t row = 0; row < count; row++) out[row / 8] |= static_cast<uint8_t>(flags[row] << (row % 8));
    return bits;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> narrow(const int64_t *offsets, int64_t count) {
    if (offsets[count - 1] > std::numeric_limits<int32_t>::max())
        return arrow::Status::CapacityError("more than 2 GiB of text in one batch");
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(count * 4));
    auto out = reinterpret_cast<int32_t *>(buffer->mutable_data());
    for (int64_t index = 0; index < count; index++) out[index] = static_cast<int32_t>(offsets[index]);
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> texts(
    const std::shared_ptr<arrow::DataType> &type,
    int64_t count,
    std::shared_ptr<arrow::Buffer> validity,
    const int64_t *offsets,
    const uint8_t *bytes
) {
    ARROW_ASSIGN_OR_RAISE(auto narrowed, narrow(offsets, count + 1));
    return arrow::ArrayData::Make(type, count, {std::move(validity), narrowed, wrap(bytes, offsets[count])});
}

// `column` as Arrow data that points into it wherever the layouts agree. Adds its size to `bytes`.
arrow::Result<std::shared_ptr<arrow::ArrayData>> array_data(
    const std::shared_ptr<arrow::DataType> &type,
    const asof_type &kind,
    const asof_column &column,
    int64_t rows,
    int64_t &bytes
) {
    ARROW_ASSIGN_OR_RAISE(auto validity, bitmap(column.validity, rows));
    auto fixed = [&](int64_t width) {
        bytes += rows * width;
        return arrow::ArrayData::Make(type, rows, {validity, wrap(column.values, rows * width)});
    };
    switch (kind.kind) {
        case ASOF_BOOL: {
            bytes += rows / 8;
            ARROW_ASSIGN_OR_RAISE(auto bits, bitmap(static_cast<const uint8_t *>(column.values), rows));
            return arrow::ArrayData::Make(type, rows, {validity, bits});
        }
        case ASOF_INT32:
        case ASOF_FLOAT32: return fixed(4);
        case ASOF_INT64:
        case ASOF_TIMESTAMP:
        case ASOF_FLOAT64: return fixed(8);
        case ASOF_STRING:
        case ASOF_BYTES:
            bytes += column.offsets[rows] + rows * 4;
            return texts(type, rows, validity, column.offsets, column.bytes);
        case ASOF_VECTOR: {
            int64_t count = rows * kind.dimensions;
            bytes += count * 4;
            auto elements = arrow::ArrayData::Make(arrow::float32(), count, {nullptr, wrap(column.values, count * 4)});
            return arrow::ArrayData::Make(type, rows, {validity}, {elements});
        }
        case ASOF_LIST_INT64: {
            int64_t count = column.offsets[rows];
            bytes += count * 8 + rows * 4;
            ARROW_ASSIGN_OR_RAISE(auto offsets, narrow(column.offsets, rows + 1));
            auto elements = arrow::ArrayData::Make(arrow::int64(), count, {nullptr, wrap(column.values, count * 8)});
            return arrow::ArrayData::Make(type, rows, {validity, offsets}, {elements});
        }
        case ASOF_LIST_STRING: {
            int64_t count = column.offsets[rows];
            bytes += column.element_offsets[count] + (count + rows) * 4;
            ARROW_ASSIGN_OR_RAISE(auto offsets, narrow(column.offsets, rows + 1));
            ARROW_ASSIGN_OR_RAISE(
                auto elements, texts(arrow::utf8(), count, nullptr, column.element_offsets, column.bytes));
            return arrow::ArrayData::Make(type, rows, {validity, offsets}, {elements});
        }
    }
    return arrow::Status::Invalid("unknown type");
}

arrow::Status write(asof_writer &writer, const asof_column *columns, int64_t rows) {
    arrow::ArrayVector arrays;
    int64_t bytes = 0;
    for (size_t index = 0; index < writer.types.size(); index++) {
        const auto &type = writer.schema->field(static_cast<int>(index))->type();
        ARROW_ASSIGN_OR_RAISE(auto data, array_data(type, writer.types[index], columns[index], rows, bytes));
        arrays.push_back(arrow::MakeArray(data));
    }
    auto batch = arrow::RecordBatch::Make(writer.schema, rows, arrays);
    if (writer.ipc) return writer.ipc->WriteRecordBatch(*batch);
    if (writer.group_rows > 0 && writer.group_bytes + bytes > group_bytes_max) {
        ARROW_RETURN_NOT_OK(writer.file->NewBufferedRowGroup());
        writer.group_bytes = writer.group_rows = 0;
    }
    writer.group_bytes += bytes;
    writer.group_rows += rows;
    return writer.file->WriteRecordBatch(*batch);
}

}  // namespace

asof_writer *asof_writer_open(
    int descriptor,
    asof_format format,
    int32_t count,
    const char *const *names,
    const asof_type *types,
    asof_failure *failure
) {
    auto writer = std::make_unique<asof_writer>();
    auto status = asof::guarded([&] { return open(descriptor, format, count, names, types, *writer); });
    if (status.ok()) return writer.release();
    asof::fail(failure, status);
    return nullptr;
}

asof_status asof_writer_write(asof_writer *writer, const asof_column *columns, int64_t rows, asof_failure *failure) {
    auto status = asof::guarded([&] { return write(*writer, columns, rows); });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

asof_status asof_writer_finish(asof_writer *writer, asof_failure *failure) {
    auto status = asof::guarded([&] {
        ARROW_RETURN_NOT_OK(writer->ipc ? writer->ipc->Close() : writer->file->Close());
        return writer->out->Close();
    });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

// An unfinished file is abandoned: what its destructors fail to write is of no use to anybody.
void asof_writer_free(asof_writer *writer) {
    (void)asof::guarded([&] {
        delete writer;
        return arrow::Status::OK();
    });
}
