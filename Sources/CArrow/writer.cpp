#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/ipc/writer.h>
#include <arrow/util/compression.h>
#include <arrow/util/thread_pool.h>
#include <fcntl.h>
#include <malloc.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "arrays.h"
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

using asof::array_data;
using asof::arrow_type;

constexpr int64_t group_rows_max = 1 << 18;
constexpr int64_t group_bytes_max = 128 << 20;
// Rows that go to Arrow at a time: what it makes of them beside the columns' own memory stays small.
constexpr int64_t window_rows = 1 << 17;

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
    // Columns are encoded and compressed side by side.
    auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->set_use_threads(true)->build();
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

arrow::Status write(asof_writer &writer, const asof_column *columns, int64_t first, int64_t rows) {
    arrow::ArrayVector arrays;
    int64_t bytes = 0;
    for (size_t index = 0; index < writer.types.size(); index++) {
        const auto &type = writer.schema->field(static_cast<int>(index))->type();
        auto column = asof::from_row(columns[index], writer.types[index], first);
        ARROW_ASSIGN_OR_RAISE(auto data, array_data(type, writer.types[index], column, rows, bytes));
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

void asof_keep_memory(void) {
    // One heap for all threads, which keeps what is freed for the next large piece; so the system need not zero new pages
    // again and again.
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

void asof_set_threads(int32_t count) { (void)arrow::SetCpuThreadPoolCapacity(std::max(1, count)); }

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
    auto status = asof::guarded([&] {
        for (int64_t first = 0; first < rows; first += window_rows) {
            ARROW_RETURN_NOT_OK(write(*writer, columns, first, std::min(window_rows, rows - first)));
            // The disk begins at once with what is written, so that the end has less to wait for. A hint: failure is no matter.
            (void)sync_file_range(writer->out->file_descriptor(), 0, 0, SYNC_FILE_RANGE_WRITE);
        }
        return arrow::Status::OK();
    });
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
