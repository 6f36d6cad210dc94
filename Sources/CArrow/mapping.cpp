#include "mapping.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace asof {
namespace {

class Mapping : public arrow::Buffer {
public:
    Mapping(void *start, int64_t bytes) : arrow::Buffer(static_cast<const uint8_t *>(start), bytes) {}
    ~Mapping() override { munmap(const_cast<uint8_t *>(data()), static_cast<size_t>(size())); }
};

}  // namespace

arrow::Result<std::shared_ptr<arrow::Buffer>> map_file(int descriptor) {
    struct stat status;
    int code = fstat(descriptor, &status) == 0 ? 0 : errno;
    void *start = MAP_FAILED;
    if (code == 0) {
        start = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (start == MAP_FAILED) code = errno;
    }
    close(descriptor);
    if (code != 0) return arrow::Status::IOError(std::strerror(code));
    return std::make_shared<Mapping>(start, status.st_size);
}

}  // namespace asof
