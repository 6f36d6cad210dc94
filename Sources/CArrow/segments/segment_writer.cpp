#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/writer.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "arrays.h"
#include "asof_arrow.h"
#include "descriptor.h"
#include "failure.h"
#include "segment.h"

// A Parquet file of a segment being written.
//
// Nothing is compressed and fixed widths are PLAIN, so that a page without nulls is an array in the file and a value is
// found by its row number. Texts have dictionaries where they repeat. Every page has a checksum and a place in the page
// index.
struct asof_segment_writer {
    std::shared_ptr<arrow::io::FileOutputStream> out;
    std::shared_ptr<arrow::Schema> schema;
    std::vector<asof_type> types;
    std::unique_ptr<parquet::arrow::FileWriter> file;
};

namespace {

constexpr int64_t page_bytes = 1 << 20;
// A multiple of what Arrow's writer looks at a time, so that pages have this many rows exactly where bytes allow it.
constexpr int64_t page_rows = 16 * 1024;
static_assert(page_rows <= asof::page_rows_max);

arrow::Status open(
    int descriptor,
    int32_t count,
    int32_t required,
    int32_t sorted,
    const char *const *names,
    const asof_type *types,
    const int32_t *ids,
    asof_segment_writer &writer
) {
    ARROW_ASSIGN_OR_RAISE(writer.out, arrow::io::FileOutputStream::Open(descriptor));
    arrow::FieldVector fields;
    parquet::WriterProperties::Builder properties;
    properties.compression(arrow::Compression::UNCOMPRESSED);
    properties.encoding(parquet::Encoding::PLAIN);
    properties.disable_dictionary();
    properties.data_page_version(parquet::ParquetDataPageVersion::V1);
    properties.data_pagesize(page_bytes);
    properties.max_rows_per_page(page_rows);
    properties.enable_page_checksum();
    properties.enable_write_page_index();
    properties.created_by("asof");
    std::vector<parquet::SortingColumn> order;
    for (int32_t index = 0; index < count; index++) {
        auto field = arrow::field(names[index], asof::arrow_type(types[index], false), index >= required);
        if (ids[index] >= 0)
            field = field->WithMetadata(
                arrow::key_value_metadata({std::string("PARQUET:field_id")}, {std::to_string(ids[index])}));
        fields.push_back(field);
        if (types[index].kind == ASOF_STRING || types[index].kind == ASOF_BYTES)
            properties.enable_dictionary(std::string(names[index]));
        if (index < sorted) order.push_back({index, false, false});
    }
    properties.set_sorting_columns(order);
    writer.types.assign(types, types + count);
    writer.schema = arrow::schema(fields);
    auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    return parquet::arrow::FileWriter::Open(
               *writer.schema, arrow::default_memory_pool(), writer.out, properties.build(), arrow_properties)
        .Value(&writer.file);
}

arrow::Status write(asof_segment_writer &writer, const asof_column *columns, int64_t rows) {
    ARROW_RETURN_NOT_OK(writer.file->NewRowGroup());
    int64_t bytes = 0;
    for (size_t index = 0; index < writer.types.size(); index++) {
        const auto &type = writer.schema->field(static_cast<int>(index))->type();
        ARROW_ASSIGN_OR_RAISE(
            auto data, asof::array_data(type, writer.types[index], columns[index], rows, bytes));
        ARROW_RETURN_NOT_OK(writer.file->WriteColumnChunk(*arrow::MakeArray(data)));
    }
    return arrow::Status::OK();
}

// Where the last page ends: what follows are the page index and the footer.
int64_t data_end(const parquet::FileMetaData &metadata) {
    // The magic number.
    int64_t end = 4;
    for (int group = 0; group < metadata.num_row_groups(); group++) {
        auto row_group = metadata.RowGroup(group);
        for (int column = 0; column < metadata.num_columns(); column++)
            end = std::max(end, asof::chunk_end(*row_group->ColumnChunk(column)));
    }
    return end;
}

}  // namespace

asof_segment_writer *asof_segment_writer_open(
    int descriptor,
    int32_t count,
    int32_t required,
    int32_t sorted,
    const char *const *names,
    const asof_type *types,
    const int32_t *ids,
    asof_failure *failure
) {
    asof::Descriptor file(descriptor);
    std::unique_ptr<asof_segment_writer> writer;
    auto status = asof::guarded([&] {
        writer = std::make_unique<asof_segment_writer>();
        return open(file.release(), count, required, sorted, names, types, ids, *writer);
    });
    if (status.ok()) return writer.release();
    asof::fail(failure, status);
    asof_segment_writer_free(writer.release());
    return nullptr;
}

asof_status asof_segment_writer_write(
    asof_segment_writer *writer,
    const asof_column *columns,
    int64_t rows,
    asof_failure *failure
) {
    auto status = asof::guarded([&] { return write(*writer, columns, rows); });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

asof_status asof_segment_writer_finish(
    asof_segment_writer *writer,
    const char *key,
    const char *value,
    int64_t *tail_start,
    asof_failure *failure
) {
    auto status = asof::guarded([&] {
        auto metadata = arrow::key_value_metadata({std::string(key)}, {std::string(value)});
        ARROW_RETURN_NOT_OK(writer->file->AddKeyValueMetadata(metadata));
        ARROW_RETURN_NOT_OK(writer->file->Close());
        *tail_start = data_end(*writer->file->metadata());
        return writer->out->Close();
    });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

// An unfinished file is abandoned: what its destructors fail to write is of no use to anybody.
void asof_segment_writer_free(asof_segment_writer *writer) {
    (void)asof::guarded([&] {
        delete writer;
        return arrow::Status::OK();
    });
}
