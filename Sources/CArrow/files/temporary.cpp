#include "temporary.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace asof {

namespace {

std::string folder() {
    const char *wanted = std::getenv("TMPDIR");
    return wanted && *wanted ? wanted : "/tmp";
}

}  // namespace

arrow::Status temporary_failure() {
    return arrow::Status::IOError("a temporary file in ", folder(), " cannot be written: ", std::strerror(errno));
}

arrow::Result<Descriptor> temporary_file() {
    const std::string place = folder();
    Descriptor file(::open(place.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file.number() >= 0) return file;
    // Not every file system has files without a name.
    std::string path = place + "/asof-input-XXXXXX";
    file = Descriptor(mkostemp(path.data(), O_CLOEXEC));
    if (file.number() < 0) return temporary_failure();
    unlink(path.c_str());
    return file;
}

}  // namespace asof
