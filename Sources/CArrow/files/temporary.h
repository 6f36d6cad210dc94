#pragma once

#include <arrow/result.h>

#include "descriptor.h"

namespace asof {

// A file without a name in TMPDIR, else /tmp, for reading and writing; it ends with its descriptor.
arrow::Result<Descriptor> temporary_file();

// What is wrong where such a file cannot be written: the folder's name and the system's reason.
arrow::Status temporary_failure();

}  // namespace asof
