#include <arrow/api.h>
#include <arrow/util/utf8.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "asof_arrow.h"
#include "convert.h"
#include "descriptor.h"
#include "failure.h"
#include "passed.h"
#include "source.h"

// A file and the batch that is decoded at the moment.
struct asof_reader {
    std::unique_ptr<asof::Source> source;
    std::vector<std::string> type_texts;
    // For each column of the file: the text of the passed type that it has, or nothing.
    std::vector<std::string> passed_texts;
    std::shared_ptr<arrow::RecordBatch> batch;
    // The part of it that columns are converted of.
    std::shared_ptr<arrow::RecordBatch> window;
    // For each selected column: its place in a batch, and what it is read as.
    std::vector<int> places;
    std::vector<asof_type> types;
    // Where a column passes through as it came, its type; else null.
    std::vector<std::shared_ptr<arrow::DataType>> passed;
    asof_times times{};
    // What `times` points to.
    std::string early_reason;
    // One a selected column, so that all of a batch's columns are valid at once.
    std::vector<asof::ColumnData> data;
};

namespace {

arrow::Status open(int descriptor, asof_format format, asof_reader &reader) {
    arrow::util::InitializeUTF8();
    auto opened = format == ASOF_PARQUET ? asof::open_parquet(descriptor) : asof::open_ipc(descriptor);
    ARROW_ASSIGN_OR_RAISE(reader.source, std::move(opened));
    for (const auto &field : reader.source->schema()->fields()) {
        reader.type_texts.push_back(field->type()->ToString());
        std::string passed;
        (void)asof::spine_type(field->type(), passed);
        reader.passed_texts.push_back(passed);
    }
    return arrow::Status::OK();
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
    for (int column : columns) {
        auto place = std::lower_bound(chosen.begin(), chosen.end(), column);
        reader.places.push_back(static_cast<int>(place - chosen.begin()));
    }
    int64_t row_bytes = 1;
    for (const auto &type : reader.types) row_bytes += type.kind == ASOF_VECTOR ? asof::product(type.dimensions, 4) : 8;
    return reader.source->select(chosen, batch_rows, batch_bytes, row_bytes);
}

}  // namespace

asof_reader *asof_reader_open(int descriptor, asof_format format, asof_failure *failure) {
    asof::Descriptor file(descriptor);
    std::unique_ptr<asof_reader> reader;
    auto status = asof::guarded([&] {
        reader = std::make_unique<asof_reader>();
        return open(file.release(), format, *reader);
    });
    if (status.ok()) return reader.release();
    asof::fail(failure, status);
    asof_reader_free(reader.release());
    return nullptr;
}

void asof_reader_free(asof_reader *reader) {
    (void)asof::guarded([&] {
        delete reader;
        return arrow::Status::OK();
    });
}

int32_t asof_reader_column_count(const asof_reader *reader) { return reader->source->schema()->num_fields(); }

int64_t asof_reader_row_count(const asof_reader *reader) {
    return asof::guarded_or(int64_t(-1), [&] { return reader->source->row_count(); });
}

int64_t asof_reader_position(const asof_reader *reader) {
    return asof::guarded_or(int64_t(-1), [&] { return reader->source->position(); });
}

const char *asof_reader_column_name(const asof_reader *reader, int32_t column) {
    return reader->source->schema()->field(column)->name().c_str();
}

const char *asof_reader_column_type_text(const asof_reader *reader, int32_t column) {
    return reader->type_texts[static_cast<size_t>(column)].c_str();
}

bool asof_reader_column_type(const asof_reader *reader, int32_t column, asof_type *type) {
    return asof::guarded_or(false, [&] {
        auto natural = asof::natural_type(*reader->source->schema()->field(column)->type());
        if (natural) *type = *natural;
        return natural.has_value();
    });
}

bool asof_reader_spine_type(const asof_reader *reader, int32_t column, asof_type *type, const char **passed) {
    return asof::guarded_or(false, [&] {
        std::string text;
        auto spine = asof::spine_type(reader->source->schema()->field(column)->type(), text);
        if (!spine) return false;
        *type = *spine;
        const auto &kept = reader->passed_texts[static_cast<size_t>(column)];
        *passed = kept.empty() ? nullptr : kept.c_str();
        return true;
    });
}

asof_status asof_reader_select(
    asof_reader *reader,
    int32_t count,
    const int32_t *columns,
    const asof_type *types,
    const char *const *passed,
    asof_times times,
    int64_t batch_rows,
    int64_t batch_bytes,
    asof_failure *failure
) {
    asof_status result = ASOF_OK;
    auto status = asof::guarded([&] {
        reader->passed.assign(static_cast<size_t>(count), nullptr);
        for (int32_t index = 0; index < count; index++) {
            std::string hint = "it has another type than the column that was exported";
            const auto &type = *reader->source->schema()->field(columns[index])->type();
            if (passed[index]) {
                auto &kept = reader->passed[static_cast<size_t>(index)];
                ARROW_ASSIGN_OR_RAISE(kept, asof::passed_type(passed[index]));
                if (asof::is_passable(type, *kept)) continue;
            } else if (asof::is_convertible(type, types[index], times.unit, &hint)) {
                continue;
            }
            result = asof::fail(failure, ASOF_COLUMN_TYPE, hint, index, type.ToString());
            return arrow::Status::OK();
        }
        reader->types.assign(types, types + count);
        reader->early_reason = times.early_reason ? times.early_reason : "";
        reader->times = times;
        reader->times.early_reason = reader->early_reason.c_str();
        reader->data.resize(static_cast<size_t>(count));
        return select(*reader, std::vector<int>(columns, columns + count), batch_rows, batch_bytes);
    });
    return status.ok() ? result : asof::fail(failure, status);
}

int64_t asof_reader_next(asof_reader *reader, asof_failure *failure) {
    auto status = asof::guarded([&] {
        do {
            ARROW_RETURN_NOT_OK(reader->source->next().Value(&reader->batch));
        } while (reader->batch && reader->batch->num_rows() == 0);
        return arrow::Status::OK();
    });
    if (!status.ok()) {
        asof::fail(failure, status);
        return -1;
    }
    reader->window = reader->batch;
    return reader->batch ? reader->batch->num_rows() : 0;
}

asof_status asof_reader_window(asof_reader *reader, int64_t first, int64_t count, asof_failure *failure) {
    auto status = asof::guarded([&] {
        reader->window = reader->batch->Slice(first, count);
        return arrow::Status::OK();
    });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

asof_status asof_reader_column(asof_reader *reader, int32_t index, asof_column *column, asof_failure *failure) {
    auto at = static_cast<size_t>(index);
    auto &data = reader->data[at];
    const auto &type = reader->types[at];
    asof_status result = ASOF_OK;
    auto status = asof::guarded([&] {
        auto array = reader->window->column(reader->places[at]);
        const auto &passed = reader->passed[at];
        if (passed || asof::is_wrapped(*array->type())) {
            ARROW_ASSIGN_OR_RAISE(array, asof::decoded(array));
        }
        result = passed ? asof::convert_passed(*array, *passed, data, failure)
                        : asof::convert(*array, type, reader->times, data, failure);
        return arrow::Status::OK();
    });
    if (!status.ok()) return asof::fail(failure, status);
    column->validity = data.validity.empty() ? nullptr : data.validity.data();
    column->values = data.values.data();
    column->offsets = data.offsets.data();
    column->element_offsets = data.element_offsets.data();
    column->bytes = data.bytes.data();
    column->moved_ns = data.moved_ns.empty() ? nullptr : data.moved_ns.data();
    return result;
}
