#pragma once

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace asof {

// A file of record batches, of whatever format.
class Source {
public:
    virtual ~Source() = default;
    virtual const std::shared_ptr<arrow::Schema> &schema() const = 0;
    // -1 where only reading tells.
    virtual int64_t row_count() const = 0;
    // Chooses columns, ascending and each once. `row_bytes`: what a converted row of them takes at least.
    virtual arrow::Status select(
        const std::vector<int> &columns,
        int64_t batch_rows,
        int64_t batch_bytes,
        int64_t row_bytes
    ) = 0;
    // The next batch of the chosen columns, checked so that every offset lies inside its buffers; null at the end.
    virtual arrow::Result<std::shared_ptr<arrow::RecordBatch>> next() = 0;
    // How many bytes of the file lie behind; -1 where rows tell better.
    virtual int64_t position() const { return -1; }
};

// Both take ownership of `descriptor`, also on failure.
arrow::Result<std::unique_ptr<Source>> open_parquet(int descriptor);
arrow::Result<std::unique_ptr<Source>> open_ipc(int descriptor);

}  // namespace asof
