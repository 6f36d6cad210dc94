#pragma once

#include <arrow/filesystem/filesystem.h>
#include <arrow/io/interfaces.h>
#include <arrow/result.h>

#include <memory>
#include <string>

#include "asof_objects.h"

struct asof_objects {
    std::shared_ptr<arrow::fs::FileSystem> files;
};

namespace asof {

// An object that is open for reading, and what the storage tells of it.
struct OpenObject {
    std::shared_ptr<arrow::io::RandomAccessFile> file;
    asof_object facts;
};

// Null where there is no such object.
arrow::Result<std::unique_ptr<OpenObject>> open_object(const asof_objects &objects, const std::string &path);

}  // namespace asof
