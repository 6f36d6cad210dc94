#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/result.h>

#include <memory>

namespace asof {

// A regular file that is read by `pread`, so that one that shrinks or changes while it is read is an error or other
// values, never a signal, and what was checked stays as it was.
//
// No memory is taken for bytes that the file does not have, whatever its own lengths say. A piece of more than 64 MiB
// is copied to a temporary file without a name and mapped, so that the system can drop its pages: files have record
// batches of any size. Takes ownership of `descriptor`, also on failure.
arrow::Result<std::shared_ptr<arrow::io::RandomAccessFile>> open_input(int descriptor);

}  // namespace asof
