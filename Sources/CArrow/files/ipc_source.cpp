#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/util/byte_size.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "file_input.h"
#include "source.h"

namespace asof {
namespace {

// `type` with bytes in the place of texts: whether a text is UTF-8 is asked for each row when it is converted, so that
// the message names the row.
std::shared_ptr<arrow::DataType> without_texts(const std::shared_ptr<arrow::DataType> &type) {
    switch (type->id()) {
        case arrow::Type::STRING: return arrow::binary();
        case arrow::Type::LARGE_STRING: return arrow::large_binary();
        case arrow::Type::STRING_VIEW: return arrow::binary_view();
        case arrow::Type::LIST: return arrow::list(without_texts(type->field(0)->type()));
        case arrow::Type::LARGE_LIST: return arrow::large_list(without_texts(type->field(0)->type()));
        case arrow::Type::FIXED_SIZE_LIST:
            return arrow::fixed_size_list(
                without_texts(type->field(0)->type()),
                static_cast<const arrow::FixedSizeListType &>(*type).list_size());
        case arrow::Type::DICTIONARY: {
            const auto &dictionary = static_cast<const arrow::DictionaryType &>(*type);
            return arrow::dictionary(dictionary.index_type(), without_texts(dictionary.value_type()));
        }
        default: return type;
    }
}

std::shared_ptr<arrow::ArrayData> without_texts(const arrow::ArrayData &data) {
    auto copy = data.Copy();
    copy->type = without_texts(data.type);
    for (auto &child : copy->child_data) child = without_texts(*child);
    if (copy->dictionary) copy->dictionary = without_texts(*copy->dictionary);
    return copy;
}

// Arrow takes a file's offsets and indices as they are; wrong ones would read beyond the buffers.
arrow::Status check(const arrow::RecordBatch &batch) {
    ARROW_RETURN_NOT_OK(batch.Validate());
    for (const auto &column : batch.columns())
        ARROW_RETURN_NOT_OK(arrow::MakeArray(without_texts(*column->data()))->ValidateFull());
    return arrow::Status::OK();
}

// The file format and the stream format, told apart by their first bytes.
class IPCSource : public Source {
public:
    arrow::Status open(int descriptor) {
        ARROW_ASSIGN_OR_RAISE(input, open_input(descriptor));
        ARROW_ASSIGN_OR_RAISE(auto head, input->ReadAt(0, 6));
        std::string_view start(reinterpret_cast<const char *>(head->data()), static_cast<size_t>(head->size()));
        if (start.starts_with("FEA1"))
            return arrow::Status::Invalid("this is Feather version 1; write it as version 2, which is Arrow IPC");
        is_file = start.starts_with("ARROW1");
        ARROW_RETURN_NOT_OK(reopen({}));
        file_schema = opened_schema;
        if (is_file) {
            ARROW_ASSIGN_OR_RAISE(rows, file->CountRows());
            if (rows < 0) return arrow::Status::Invalid("a record batch has a negative row count");
        }
        return arrow::Status::OK();
    }

    const std::shared_ptr<arrow::Schema> &schema() const override { return file_schema; }

    int64_t row_count() const override { return rows; }

    arrow::Status select(
        const std::vector<int> &columns,
        int64_t batch_rows,
        int64_t batch_bytes,
        int64_t row_bytes
    ) override {
        rows_max = std::max<int64_t>(std::min(batch_rows, batch_bytes / row_bytes), 1);
        bytes_max = batch_bytes;
        // No column at all means every column to Arrow, and a batch without columns has rows all the same. Where all are
        // wanted, too: Arrow then asks for a batch as one piece, which is mapped where it is large.
        bool are_all = columns.size() == static_cast<size_t>(file_schema->num_fields());
        return reopen(are_all ? std::vector<int>{} : columns);
    }

    // A stored batch can be of any size: it is handed out in slices.
    arrow::Result<std::shared_ptr<arrow::RecordBatch>> next() override {
        while (!stored || at >= stored->num_rows()) {
            at = 0;
            if (is_file) {
                if (next_batch >= file->num_record_batches()) return nullptr;
                ARROW_ASSIGN_OR_RAISE(stored, file->ReadRecordBatch(next_batch++));
            } else {
                ARROW_RETURN_NOT_OK(stream->ReadNext(&stored));
                if (!stored) return nullptr;
            }
            ARROW_RETURN_NOT_OK(check(*stored));
            int64_t bytes = arrow::util::ReferencedBufferSize(*stored).ValueOr(0);
            int64_t row_bytes = std::max<int64_t>(bytes / std::max<int64_t>(stored->num_rows(), 1), 1);
            slice_rows = std::max<int64_t>(std::min(rows_max, bytes_max / row_bytes), 1);
        }
        auto slice = stored->Slice(at, slice_rows);
        at += slice->num_rows();
        return slice;
    }

    int64_t position() const override { return is_file ? -1 : input->Tell().ValueOr(0); }

private:
    arrow::Status reopen(const std::vector<int> &columns) {
        ARROW_RETURN_NOT_OK(input->Seek(0));
        auto options = arrow::ipc::IpcReadOptions::Defaults();
        options.use_threads = false;
        options.included_fields = columns;
        if (is_file) {
            ARROW_ASSIGN_OR_RAISE(file, arrow::ipc::RecordBatchFileReader::Open(input, options));
            opened_schema = file->schema();
        } else {
            ARROW_ASSIGN_OR_RAISE(stream, arrow::ipc::RecordBatchStreamReader::Open(input, options));
            opened_schema = stream->schema();
        }
        return arrow::Status::OK();
    }

    std::shared_ptr<arrow::io::RandomAccessFile> input;
    bool is_file = false;
    std::shared_ptr<arrow::ipc::RecordBatchFileReader> file;
    std::shared_ptr<arrow::ipc::RecordBatchStreamReader> stream;
    std::shared_ptr<arrow::Schema> file_schema;
    std::shared_ptr<arrow::Schema> opened_schema;
    int64_t rows = -1;
    int next_batch = 0;
    // The batch at work and how many of its rows are handed out.
    std::shared_ptr<arrow::RecordBatch> stored;
    int64_t at = 0;
    int64_t rows_max = 1;
    int64_t bytes_max = 1;
    int64_t slice_rows = 1;
};

}  // namespace

arrow::Result<std::unique_ptr<Source>> open_ipc(int descriptor) {
    auto source = std::make_unique<IPCSource>();
    ARROW_RETURN_NOT_OK(source->open(descriptor));
    return source;
}

}  // namespace asof
