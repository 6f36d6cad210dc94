#include <arrow/util/compression.h>

#include <memory>

#include "asof_arrow.h"
#include "failure.h"

struct asof_decompressor {
    std::unique_ptr<arrow::util::Codec> codec;
    std::shared_ptr<arrow::util::Decompressor> stream;
    // Whether a gzip member or zstd frame has begun and not ended.
    bool is_inside = false;
};

asof_decompressor *asof_decompressor_open(asof_compression compression, asof_failure *failure) {
    std::unique_ptr<asof_decompressor> decompressor;
    auto type = compression == ASOF_GZIP ? arrow::Compression::GZIP : arrow::Compression::ZSTD;
    auto status = asof::guarded([&] {
        decompressor = std::make_unique<asof_decompressor>();
        ARROW_ASSIGN_OR_RAISE(decompressor->codec, arrow::util::Codec::Create(type));
        ARROW_ASSIGN_OR_RAISE(decompressor->stream, decompressor->codec->MakeDecompressor());
        return arrow::Status::OK();
    });
    if (status.ok()) return decompressor.release();
    asof::fail(failure, status);
    return nullptr;
}

asof_status asof_decompressor_run(
    asof_decompressor *decompressor,
    const uint8_t *input,
    int64_t *input_bytes,
    uint8_t *output,
    int64_t *output_bytes,
    asof_failure *failure
) {
    auto status = asof::guarded([&] {
        // A member that ended has left its decompressor in that state; the next one starts with the next byte.
        if (!decompressor->is_inside && decompressor->stream->IsFinished())
            ARROW_RETURN_NOT_OK(decompressor->stream->Reset());
        ARROW_ASSIGN_OR_RAISE(
            auto result, decompressor->stream->Decompress(*input_bytes, input, *output_bytes, output));
        if (result.bytes_read == 0 && result.bytes_written == 0 && *input_bytes > 0)
            return arrow::Status::IOError("it makes no progress");
        *input_bytes = result.bytes_read;
        *output_bytes = result.bytes_written;
        decompressor->is_inside = !decompressor->stream->IsFinished();
        return arrow::Status::OK();
    });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

bool asof_decompressor_is_inside(const asof_decompressor *decompressor) { return decompressor->is_inside; }

void asof_decompressor_free(asof_decompressor *decompressor) { delete decompressor; }
