#pragma once

#include <arrow/buffer.h>
#include <arrow/result.h>

#include <memory>

namespace asof {

// The whole of a regular file as read-only memory, whose pages the system reads and drops as it likes.
// Takes ownership of `descriptor`, also on failure.
arrow::Result<std::shared_ptr<arrow::Buffer>> map_file(int descriptor);

}  // namespace asof
