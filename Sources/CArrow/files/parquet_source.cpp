#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>

#include "source.h"

namespace asof {
namespace {

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

class ParquetSource : public Source {
public:
    arrow::Status open(int descriptor) {
        ARROW_ASSIGN_OR_RAISE(auto input, arrow::io::ReadableFile::Open(descriptor));
        auto properties = parquet::default_reader_properties();
        // Pages are read as they are needed, not whole column chunks, so that memory does not grow with row groups.
        properties.enable_buffered_stream();
        properties.set_buffer_size(1 << 20);
        auto arrow_properties = parquet::default_arrow_reader_properties();
        arrow_properties.set_pre_buffer(false);
        arrow_properties.set_use_threads(false);
        // UUIDs and JSON are told from bytes and text, whoever wrote them.
        arrow_properties.set_arrow_extensions_enabled(true);
        // INT96, Spark's times: as ns, Arrow's choice, the years before 1677 and after 2262 would silently wrap.
        arrow_properties.set_coerce_int96_timestamp_unit(arrow::TimeUnit::MICRO);
        parquet::arrow::FileReaderBuilder builder;
        ARROW_RETURN_NOT_OK(builder.Open(input, properties));
        ARROW_RETURN_NOT_OK(builder.properties(arrow_properties)->Build(&file));
        return file->GetSchema(&file_schema);
    }

    const std::shared_ptr<arrow::Schema> &schema() const override { return file_schema; }

    int64_t row_count() const override { return file->parquet_reader()->metadata()->num_rows(); }

    arrow::Status select(
        const std::vector<int> &columns,
        int64_t batch_rows,
        int64_t batch_bytes,
        int64_t row_bytes
    ) override {
        std::vector<int> leaf_columns;
        for (int column : columns) leaves(file->manifest().schema_fields[static_cast<size_t>(column)], leaf_columns);
        auto metadata = file->parquet_reader()->metadata();
        int64_t rows = std::min(batch_rows, rows_for(*metadata, leaf_columns, batch_bytes));
        file->set_batch_size(std::max<int64_t>(std::min(rows, batch_bytes / row_bytes), 1));
        std::vector<int> groups(static_cast<size_t>(metadata->num_row_groups()));
        for (size_t group = 0; group < groups.size(); group++) groups[group] = static_cast<int>(group);
        return file->GetRecordBatchReader(groups, leaf_columns).Value(&batches);
    }

    arrow::Result<std::shared_ptr<arrow::RecordBatch>> next() override { return batches->Next(); }

private:
    std::unique_ptr<parquet::arrow::FileReader> file;
    std::shared_ptr<arrow::Schema> file_schema;
    std::unique_ptr<arrow::RecordBatchReader> batches;
};

}  // namespace

arrow::Result<std::unique_ptr<Source>> open_parquet(int descriptor) {
    auto source = std::make_unique<ParquetSource>();
    ARROW_RETURN_NOT_OK(source->open(descriptor));
    return source;
}

}  // namespace asof
