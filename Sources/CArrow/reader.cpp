#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/util/utf8.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "asof_arrow.h"
#include "convert.h"
#include "failure.h"

// A Parquet file and the batch that is decoded at the moment.
struct asof_reader {
    std::unique_ptr<parquet::arrow::FileReader> file;
    std::shared_ptr<arrow::Schema> schema;
    std::vector<std::string> type_texts;
    std::unique_ptr<arrow::RecordBatchReader> batches;
    std::shared_ptr<arrow::RecordBatch> batch;
    // For each selected column: its place in a batch, and what it is read as.
    std::vector<int> places;
    std::vector<asof_type> types;
    asof_time_unit unit = ASOF_UNIT_NONE;
    // One a selected column, so that all of a batch's columns are valid at once.
    std::vector<asof::ColumnData> data;
};

namespace {

arrow::Status open(int descriptor, asof_reader &reader) {
    arrow::util::InitializeUTF8();
    ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(descriptor));
    auto properties = parquet::default_reader_properties();
    // Pages are read as they are needed instead of whole column chunks, so that memory does not grow with row groups.
    properties.enable_buffered_stream();
    properties.set_buffer_size(1 << 20);
    auto arrow_properties = parquet::default_arrow_reader_properties();
    arrow_properties.set_pre_buffer(false);
    arrow_properties.set_use_threads(false);
    // INT96, Spark's times: as ns, Arrow's choice, the years before 1677 and after 2262 would silently wrap.
    arrow_properties.set_coerce_int96_timestamp_unit(arrow::TimeUnit::MICRO);
    parquet::arrow::FileReaderBuilder builder;
    ARROW_RETURN_NOT_OK(builder.Open(file, properties));
    ARROW_RETURN_NOT_OK(builder.properties(arrow_properties)->Build(&reader.file));
    ARROW_RETURN_NOT_OK(reader.file->GetSchema(&reader.schema));
    for (const auto &field : reader.schema->fields()) reader.type_texts.push_back(field->type()->ToString());
    return arrow::Status::OK();
}

void leaves(const parquet::arrow::SchemaField &field, std::vector<int> &out) {
    if (field.column_index >= 0) out.push_back(field.column_index);
    for (const auto &child : field.children) leaves(child, out);
}

// How many rows of the chosen leaf columns make about `batch_bytes`, by the file's own sizes.
int64_t rows_for(const parquet::FileMetaData &metadata, const std::vector<int> &columns, int64_t batch_bytes) {
    int64_t bytes = 0;
    for (int group = 0; group < metadata.num_row_groups(); group++) {
        auto row_group = metadata.RowGroup(group);
        for (int column : columns) bytes += row_group->ColumnChunk(column)->total_uncompressed_size();
    }
    int64_t rows = std::max<int64_t>(metadata.num_rows(), 1);
    return std::max<int64_t>(batch_bytes / std::max<int64_t>(bytes / rows, 1), 1);
}

arrow::Status select(
    asof_reader &reader,
    const std::vector<int> &columns,
    int64_t batch_rows,
    int64_t batch_bytes
) {
    std::vector<int> chosen(columns);
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    reader.places.clear();
    for (int column : columns)
        reader.places.push_back(static_cast<int>(std::lower_bound(chosen.begin(), chosen.end(), column) - chosen.begin()));
    std::vector<int> leaf_columns;
    int64_t vector_bytes = 1;
    for (int column : chosen) leaves(reader.file->manifest().schema_fields[static_cast<size_t>(column)], leaf_columns);
    for (const auto &type : reader.types) vector_bytes += type.kind == ASOF_VECTOR ? type.dimensions * 4 : 8;
    auto metadata = reader.file->parquet_reader()->metadata();
    int64_t rows = std::min(batch_rows, rows_for(*metadata, leaf_columns, batch_bytes));
    reader.file->set_batch_size(std::max<int64_t>(std::min(rows, batch_bytes / vector_bytes), 1));
    std::vector<int> groups(static_cast<size_t>(metadata->num_row_groups()));
    for (size_t group = 0; group < groups.size(); group++) groups[group] = static_cast<int>(group);
    ARROW_ASSIGN_OR_RAISE(reader.batches, reader.file->GetRecordBatchReader(groups, leaf_columns));
    return arrow::Status::OK();
}

}  // namespace

asof_reader *asof_reader_open(int descriptor, asof_failure *failure) {
    auto reader = std::make_unique<asof_reader>();
    auto status = asof::guarded([&] { return open(descriptor, *reader); });
    if (status.ok()) return reader.release();
    asof::fail(failure, status);
    return nullptr;
}

void asof_reader_free(asof_reader *reader) { delete reader; }

int32_t asof_reader_column_count(const asof_reader *reader) { return reader->schema->num_fields(); }

int64_t asof_reader_row_count(const asof_reader *reader) {
    return reader->file->parquet_reader()->metadata()->num_rows();
}

const char *asof_reader_column_name(const asof_reader *reader, int32_t column) {
    return reader->schema->field(column)->name().c_str();
}

const char *asof_reader_column_type_text(const asof_reader *reader, int32_t column) {
    return reader->type_texts[static_cast<size_t>(column)].c_str();
}

bool asof_reader_column_type(const asof_reader *reader, int32_t column, asof_type *type) {
    auto natural = asof::natural_type(*reader->schema->field(column)->type());
    if (natural) *type = *natural;
    return natural.has_value();
}

asof_status asof_reader_select(
    asof_reader *reader,
    int32_t count,
    const int32_t *columns,
    const asof_type *types,
    asof_time_unit unit,
    int64_t batch_rows,
    int64_t batch_bytes,
    asof_failure *failure
) {
    for (int32_t index = 0; index < count; index++) {
        std::string hint;
        const auto &type = *reader->schema->field(columns[index])->type();
        if (!asof::is_convertible(type, types[index], unit, &hint))
            return asof::fail(failure, ASOF_COLUMN_TYPE, hint, index, type.ToString());
    }
    reader->types.assign(types, types + count);
    reader->unit = unit;
    reader->data.resize(static_cast<size_t>(count));
    auto status = asof::guarded([&] {
        return select(*reader, std::vector<int>(columns, columns + count), batch_rows, batch_bytes);
    });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

int64_t asof_reader_next(asof_reader *reader, asof_failure *failure) {
    auto status = asof::guarded([&] {
        do {
            ARROW_RETURN_NOT_OK(reader->batches->ReadNext(&reader->batch));
        } while (reader->batch && reader->batch->num_rows() == 0);
        return arrow::Status::OK();
    });
    if (!status.ok()) {
        asof::fail(failure, status);
        return -1;
    }
    return reader->batch ? reader->batch->num_rows() : 0;
}

asof_status asof_reader_column(asof_reader *reader, int32_t index, asof_column *column, asof_failure *failure) {
    auto at = static_cast<size_t>(index);
    auto &data = reader->data[at];
    const auto &type = reader->types[at];
    asof_status result = ASOF_OK;
    auto status = asof::guarded([&] {
        result = asof::convert(*reader->batch->column(reader->places[at]), type, reader->unit, data, failure);
        return arrow::Status::OK();
    });
    if (!status.ok()) return asof::fail(failure, status);
    column->validity = data.validity.empty() ? nullptr : data.validity.data();
    column->values = data.values.data();
    column->offsets = data.offsets.data();
    column->element_offsets = data.element_offsets.data();
    column->bytes = data.bytes.data();
    return result;
}
