#include "block_copy.h"

#include <arrow/buffer.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "temporary.h"

namespace asof {

using arrow::Status;

namespace {

constexpr int64_t block_bytes = 8 << 20;

}  // namespace

BlockCopy::BlockCopy(std::shared_ptr<arrow::io::RandomAccessFile> object, Descriptor file, int64_t bytes)
    : object(std::move(object)),
      file(std::move(file)),
      size(bytes),
      blocks(static_cast<size_t>((bytes + block_bytes - 1) / block_bytes)) {}

arrow::Result<std::unique_ptr<BlockCopy>> BlockCopy::make(
    std::shared_ptr<arrow::io::RandomAccessFile> object,
    int64_t bytes
) {
    ARROW_ASSIGN_OR_RAISE(auto file, temporary_file());
    if (ftruncate(file.number(), bytes) != 0) return temporary_failure();
    return std::unique_ptr<BlockCopy>(new BlockCopy(std::move(object), std::move(file), bytes));
}

Status BlockCopy::read(int64_t offset, int64_t bytes, uint8_t *out) const {
    ARROW_ASSIGN_OR_RAISE(int64_t count, object->ReadAt(offset, bytes, out));
    return count == bytes ? Status::OK() : Status::IOError("it has become shorter");
}

Status BlockCopy::hold(int64_t offset, int64_t bytes) {
    if (offset < 0 || bytes < 0 || offset > size - bytes) return Status::IOError("it has become shorter");
    if (bytes == 0) return Status::OK();
    for (int64_t block = offset / block_bytes; block <= (offset + bytes - 1) / block_bytes; block++)
        ARROW_RETURN_NOT_OK(hold(block));
    return Status::OK();
}

Status BlockCopy::hold(int64_t number) {
    auto &block = blocks[static_cast<size_t>(number)];
    std::lock_guard lock(block.mutex);
    if (block.is_held) return Status::OK();
    const int64_t start = number * block_bytes;
    const int64_t bytes = std::min(block_bytes, size - start);
    ARROW_ASSIGN_OR_RAISE(auto piece, object->ReadAt(start, bytes));
    if (piece->size() != bytes) return Status::IOError("it has become shorter");
    for (int64_t done = 0; done < bytes;) {
        ssize_t count = pwrite(file.number(), piece->data() + done, static_cast<size_t>(bytes - done), start + done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return temporary_failure();
        done += count;
    }
    block.is_held = true;
    return Status::OK();
}

}  // namespace asof
