#pragma once

#include <arrow/io/interfaces.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "descriptor.h"

namespace asof {

// What cannot tell where it stands, as a pipe, as an output that counts what was written.
class PipeOutput : public arrow::io::OutputStream {
public:
    explicit PipeOutput(int descriptor) : held(descriptor) {}

    arrow::Status Write(const void *data, int64_t count) override {
        auto bytes = static_cast<const char *>(data);
        int64_t left = count;
        while (left > 0) {
            auto written = write(held.number(), bytes, static_cast<size_t>(std::min<int64_t>(left, 1 << 30)));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return arrow::Status::IOError(std::strerror(errno));
            bytes += written;
            left -= written;
        }
        position += count;
        return arrow::Status::OK();
    }

    arrow::Status Close() override {
        int open = held.release();
        if (open >= 0 && close(open) != 0) return arrow::Status::IOError(std::strerror(errno));
        return arrow::Status::OK();
    }

    arrow::Result<int64_t> Tell() const override { return position; }
    bool closed() const override { return held.number() < 0; }

private:
    Descriptor held;
    int64_t position = 0;
};

}  // namespace asof
