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
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "arrays.h"
#include "asof_arrow.h"
#include "descriptor.h"
#include "failure.h"
#include "passed.h"
#include "pipe_output.h"

// A Parquet or Arrow IPC file being written.
struct asof_writer {
    std::shared_ptr<arrow::io::OutputStream> out;
    // Of `out` where it is a file; else -1.
    int file_descriptor = -1;
    std::shared_ptr<arrow::Schema> schema;
    std::vector<asof_type> types;
    // Whether a column's own type is its field's, and `types` has only how it is carried.
    std::vector<bool> are_passed;
    // One of the two; `file` from the first rows on.
    std::unique_ptr<parquet::arrow::FileWriter> file;
    std::shared_ptr<arrow::ipc::RecordBatchWriter> ipc;
    // What the open row group holds, uncompressed; its encoded pages stay in memory until it is closed, in a buffer that grows by
    // doubling: up to three times as much, for a moment.
    int64_t group_bytes = 0;
    int64_t group_rows = 0;
};

namespace {

using asof::array_data;
using asof::arrow_type;

constexpr int64_t group_rows_max = 1 << 18;
constexpr int64_t group_bytes_max = 32 << 20;
// Rows that go to Arrow at a time, and their bytes: what it makes of them beside the columns' own memory stays small.
constexpr int64_t window_rows = 1 << 17;
constexpr int64_t window_bytes = 32 << 20;

// Whether so many of a column's values come again that a dictionary of them pays: by a sample of its rows. Arrow itself
// would make the dictionary first and then see that it grows too large, which costs as much as all the rest of writing.
bool repeats(const asof_column &column, const asof_type &type, int64_t rows) {
    // Embeddings hardly repeat; elements of lists often do.
    if (type.kind == ASOF_VECTOR) return false;
    if (type.kind == ASOF_BOOL || type.kind == ASOF_LIST_INT64 || type.kind == ASOF_LIST_STRING) return true;
    constexpr int64_t sample_rows = 4096;
    const int64_t step = std::max<int64_t>(rows / sample_rows, 1);
    std::unordered_set<uint64_t> distinct;
    int64_t count = 0;
    for (int64_t row = 0; row < rows; row += step) {
        if (column.validity && !column.validity[row]) continue;
        uint64_t value = 0;
        switch (type.kind) {
            case ASOF_INT32:
            case ASOF_FLOAT32: std::memcpy(&value, static_cast<const uint8_t *>(column.values) + row * 4, 4); break;
            case ASOF_INT64:
            case ASOF_TIMESTAMP:
            case ASOF_FLOAT64: std::memcpy(&value, static_cast<const uint8_t *>(column.values) + row * 8, 8); break;
            case ASOF_STRING:
            case ASOF_BYTES: {
                const auto length = static_cast<size_t>(column.offsets[row + 1] - column.offsets[row]);
                auto text = reinterpret_cast<const char *>(column.bytes + column.offsets[row]);
                value = std::hash<std::string_view>{}(std::string_view(text, length));
                break;
            }
            default: break;
        }
        distinct.insert(value);
        count++;
    }
    return static_cast<int64_t>(distinct.size()) * 10 <= count * 9;
}

// Columns are written as the first rows suggest; without any, as Arrow does.
arrow::Status open_parquet(asof_writer &writer, const asof_column *columns, int64_t rows) {
    parquet::WriterProperties::Builder properties;
    properties.compression(arrow::Compression::ZSTD)->compression_level(1);
    properties.max_row_group_length(group_rows_max);
    properties.created_by("asof");
    for (size_t index = 0; index < writer.types.size() && rows > 0; index++) {
        if (repeats(columns[index], writer.types[index], rows)) continue;
        const bool is_vector = writer.types[index].kind == ASOF_VECTOR;
        const auto &name = writer.schema->field(static_cast<int>(index))->name();
        properties.disable_dictionary(is_vector ? name + ".list.element" : name);
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
    const char *const *passed,
    asof_writer &writer
) {
    if (format == ASOF_IPC_STREAM) {
        writer.out = std::make_shared<asof::PipeOutput>(descriptor);
    } else {
        ARROW_ASSIGN_OR_RAISE(writer.out, arrow::io::FileOutputStream::Open(descriptor));
        writer.file_descriptor = descriptor;
    }
    arrow::FieldVector fields;
    for (int32_t index = 0; index < count; index++) {
        auto type = arrow_type(types[index]);
        writer.are_passed.push_back(passed[index] != nullptr);
        if (passed[index]) {
            ARROW_ASSIGN_OR_RAISE(type, asof::passed_type(passed[index]));
        }
        fields.push_back(arrow::field(names[index], type));
    }
    writer.types.assign(types, types + count);
    writer.schema = arrow::schema(fields);
    if (format == ASOF_PARQUET) return arrow::Status::OK();
    if (format == ASOF_IPC_STREAM) return arrow::ipc::MakeStreamWriter(writer.out, writer.schema).Value(&writer.ipc);
    // Not compressed, so that every reader can map it.
    return arrow::ipc::MakeFileWriter(writer.out, writer.schema).Value(&writer.ipc);
}

int64_t bytes_of(const asof_column &column, const asof_type &type, int64_t first, int64_t rows) {
    switch (type.kind) {
        case ASOF_STRING:
        case ASOF_BYTES: return column.offsets[first + rows] - column.offsets[first];
        case ASOF_VECTOR: return asof::product(asof::product(rows, type.dimensions), 4);
        case ASOF_LIST_INT64: return asof::product(column.offsets[first + rows] - column.offsets[first], 8);
        case ASOF_LIST_STRING:
            return column.element_offsets[column.offsets[first + rows]] - column.element_offsets[column.offsets[first]];
        default: return rows * 8;
    }
}

// How many rows from `first` on go to Arrow next.
int64_t window(const asof_writer &writer, const asof_column *columns, int64_t first, int64_t rows) {
    int64_t count = std::min(window_rows, rows - first);
    auto bytes = [&] {
        int64_t sum = 0;
        for (size_t index = 0; index < writer.types.size(); index++)
            sum += bytes_of(columns[index], writer.types[index], first, count);
        return sum;
    };
    while (count > 1 && bytes() > window_bytes) count = (count + 1) / 2;
    return count;
}

arrow::Status write(asof_writer &writer, const asof_column *columns, int64_t first, int64_t rows) {
    arrow::ArrayVector arrays;
    int64_t bytes = 0;
    for (size_t index = 0; index < writer.types.size(); index++) {
        const auto &type = writer.schema->field(static_cast<int>(index))->type();
        auto column = asof::from_row(columns[index], writer.types[index], first);
        ARROW_ASSIGN_OR_RAISE(
            auto data, writer.are_passed[index] ? asof::passed_data(type, column, rows, bytes)
                                                : array_data(type, writer.types[index], column, rows, bytes));
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
    // again and again. Arrow's allocator of its own would keep another such heap, on top of the memory that was given.
    (void)setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 0);
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

void asof_set_threads(int32_t count) {
    (void)asof::guarded([&] { return arrow::SetCpuThreadPoolCapacity(std::max(1, count)); });
}

asof_writer *asof_writer_open(
    int descriptor,
    asof_format format,
    int32_t count,
    const char *const *names,
    const asof_type *types,
    const char *const *passed,
    asof_failure *failure
) {
    asof::Descriptor file(descriptor);
    std::unique_ptr<asof_writer> writer;
    auto status = asof::guarded([&] {
        writer = std::make_unique<asof_writer>();
        return open(file.release(), format, count, names, types, passed, *writer);
    });
    if (status.ok()) return writer.release();
    asof::fail(failure, status);
    asof_writer_free(writer.release());
    return nullptr;
}

asof_status asof_writer_write(asof_writer *writer, const asof_column *columns, int64_t rows, asof_failure *failure) {
    auto status = asof::guarded([&] {
        if (!writer->ipc && !writer->file) ARROW_RETURN_NOT_OK(open_parquet(*writer, columns, rows));
        for (int64_t first = 0, count = 0; first < rows; first += count) {
            count = window(*writer, columns, first, rows);
            ARROW_RETURN_NOT_OK(write(*writer, columns, first, count));
            // The disk begins at once with what is written, so that the end has less to wait for. A hint: failure is no matter.
            (void)sync_file_range(writer->file_descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
        }
        return arrow::Status::OK();
    });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

asof_status asof_writer_finish(asof_writer *writer, asof_failure *failure) {
    auto status = asof::guarded([&] {
        if (!writer->ipc && !writer->file) ARROW_RETURN_NOT_OK(open_parquet(*writer, nullptr, 0));
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
