#include "file_input.h"

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "descriptor.h"
#include "temporary.h"

namespace asof {
namespace {

using arrow::Status;

// Larger pieces are mapped.
constexpr int64_t memory_bytes_max = 64 << 20;
constexpr int64_t copy_bytes = 1 << 20;

class Mapping : public arrow::Buffer {
public:
    Mapping(void *start, int64_t bytes) : arrow::Buffer(static_cast<const uint8_t *>(start), bytes) {}
    ~Mapping() override { munmap(const_cast<uint8_t *>(data()), static_cast<size_t>(size())); }
};

class FileInput : public arrow::io::RandomAccessFile {
public:
    FileInput(Descriptor descriptor, int64_t bytes) : file(std::move(descriptor)), size(bytes) {
        set_mode(arrow::io::FileMode::READ);
    }

    Status Close() override {
        file = Descriptor();
        return Status::OK();
    }
    bool closed() const override { return file.number() < 0; }
    arrow::Result<int64_t> GetSize() override { return size; }
    arrow::Result<int64_t> Tell() const override { return at; }

    Status Seek(int64_t position) override {
        if (position < 0 || position > size) return Status::IOError("it has no byte ", position);
        at = position;
        return Status::OK();
    }

    // As a stream: at the end fewer bytes.
    arrow::Result<int64_t> Read(int64_t bytes, void *out) override {
        int64_t count = std::min(bytes, size - at);
        ARROW_RETURN_NOT_OK(read(at, count, static_cast<uint8_t *>(out)));
        at += count;
        return count;
    }
    arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
        ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(at, bytes));
        at += buffer->size();
        return buffer;
    }

    arrow::Result<int64_t> ReadAt(int64_t position, int64_t bytes, bool allow_short_read, void *out) override {
        int64_t count = allow_short_read && position >= 0 && position <= size ? std::min(bytes, size - position) : bytes;
        ARROW_RETURN_NOT_OK(read(position, count, static_cast<uint8_t *>(out)));
        return count;
    }
    // All of it or an error: Arrow does not look at the count where it reads the buffers of chosen columns.
    arrow::Result<int64_t> ReadAt(int64_t position, int64_t bytes, void *out) override {
        return ReadAt(position, bytes, false, out);
    }
    arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(
        int64_t position,
        int64_t bytes,
        bool allow_short_read
    ) override {
        if (allow_short_read && position >= 0 && position <= size) bytes = std::min(bytes, size - position);
        ARROW_RETURN_NOT_OK(check(position, bytes));
        if (bytes > memory_bytes_max) return mapped(position, bytes);
        ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(bytes));
        ARROW_RETURN_NOT_OK(read(position, bytes, buffer->mutable_data()));
        return std::shared_ptr<arrow::Buffer>(std::move(buffer));
    }
    arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
        return ReadAt(position, bytes, true);
    }

private:
    Status check(int64_t position, int64_t bytes) const {
        if (position < 0 || bytes < 0 || bytes > size || position > size - bytes)
            return Status::IOError("a length in it is wrong: it has ", size, " bytes, not ", bytes, " from byte ", position, " on");
        return Status::OK();
    }

    Status read(int64_t position, int64_t bytes, uint8_t *out) const {
        ARROW_RETURN_NOT_OK(check(position, bytes));
        while (bytes > 0) {
            ssize_t count = pread(file.number(), out, static_cast<size_t>(bytes), position);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return Status::IOError(std::strerror(errno));
            if (count == 0) return Status::IOError("it became shorter while it was read");
            position += count;
            out += count;
            bytes -= count;
        }
        return Status::OK();
    }

    arrow::Result<std::shared_ptr<arrow::Buffer>> mapped(int64_t position, int64_t bytes) const {
        ARROW_ASSIGN_OR_RAISE(auto copy, temporary_file());
        std::vector<uint8_t> chunk(static_cast<size_t>(copy_bytes));
        for (int64_t done = 0; done < bytes;) {
            int64_t count = std::min(copy_bytes, bytes - done);
            ARROW_RETURN_NOT_OK(read(position + done, count, chunk.data()));
            ssize_t written = pwrite(copy.number(), chunk.data(), static_cast<size_t>(count), done);
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return temporary_failure();
            done += written;
        }
        void *start = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ, MAP_PRIVATE, copy.number(), 0);
        if (start == MAP_FAILED) return temporary_failure();
        return std::make_shared<Mapping>(start, bytes);
    }

    Descriptor file;
    int64_t size;
    int64_t at = 0;
};

}  // namespace

arrow::Result<std::shared_ptr<arrow::io::RandomAccessFile>> open_input(int descriptor) {
    Descriptor file(descriptor);
    struct stat status;
    if (fstat(descriptor, &status) != 0) return Status::IOError(std::strerror(errno));
    return std::make_shared<FileInput>(std::move(file), status.st_size);
}

}  // namespace asof
