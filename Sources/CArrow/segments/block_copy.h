#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/result.h>

#include <memory>
#include <mutex>
#include <vector>

#include "descriptor.h"

namespace asof {

// What was read of an object, in a temporary file without a name, which has holes where nothing was read yet.
//
// A request for an object costs some 20 ms however little it asks for: so a block comes whole. Threads may share a copy; two that
// want the same block wait for one request.
class BlockCopy {
public:
    static arrow::Result<std::unique_ptr<BlockCopy>> make(
        std::shared_ptr<arrow::io::RandomAccessFile> object,
        int64_t bytes
    );

    // Returns once the file behind `descriptor` has these bytes, which the object has.
    arrow::Status hold(int64_t offset, int64_t bytes);
    // Reads without keeping: for what is read once.
    arrow::Status read(int64_t offset, int64_t bytes, uint8_t *out) const;
    int descriptor() const { return file.number(); }

private:
    struct Block {
        std::mutex mutex;
        bool is_held = false;
    };

    BlockCopy(std::shared_ptr<arrow::io::RandomAccessFile> object, Descriptor file, int64_t bytes);
    arrow::Status hold(int64_t block);

    std::shared_ptr<arrow::io::RandomAccessFile> object;
    Descriptor file;
    int64_t size;
    std::vector<Block> blocks;
};

}  // namespace asof
