#include "objects.h"

#include <arrow/buffer.h>
#include <arrow/util/config.h>
#include <arrow/util/key_value_metadata.h>
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "failure.h"

namespace asof {

using arrow::Status;

namespace {

constexpr int64_t piece_bytes = 8 << 20;

// The library for S3 lies beside Arrow's own, wherever that is: in the cache of scripts/setup, in a package.
arrow::Result<std::string> library() {
    Dl_info arrow;
    if (dladdr(reinterpret_cast<const void *>(&arrow::fs::EnsureFinalized), &arrow) == 0 || !arrow.dli_fname)
        return Status::IOError("Arrow's libraries are not to be found");
    std::string path(arrow.dli_fname);
    auto end = path.rfind('/');
    return (end == std::string::npos ? "" : path.substr(0, end + 1)) + "libarrow_s3.so." ARROW_SO_VERSION;
}

Status load() {
    static std::mutex mutex;
    static bool is_loaded = false;
    std::lock_guard lock(mutex);
    if (is_loaded) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(auto path, library());
    if (access(path.c_str(), R_OK) != 0)
        return Status::IOError("Arrow's library for S3 is missing: ", path, ": ", std::strerror(errno), "; scripts/setup fetches it");
    ARROW_RETURN_NOT_OK(arrow::fs::LoadFileSystemFactories(path.c_str()));
    is_loaded = true;
    return Status::OK();
}

// Says only what is about the object: Arrow's texts name bucket and key once more.
Status changed() { return Status::IOError("the object was replaced while it was read; read it again"); }

void take(const arrow::KeyValueMetadata *metadata, asof_object &facts) {
    facts.etag[0] = 0;
    if (!metadata) return;
    auto found = metadata->Get("ETag");
    if (!found.ok()) return;
    std::string etag = *found;
    if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
    if (etag.size() >= sizeof facts.etag) return;
    std::memcpy(facts.etag, etag.c_str(), etag.size() + 1);
}

Status write(int descriptor, const uint8_t *bytes, int64_t count) {
    while (count > 0) {
        ssize_t done = ::write(descriptor, bytes, static_cast<size_t>(count));
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return Status::IOError("its copy cannot be written: ", std::strerror(errno));
        bytes += done;
        count -= done;
    }
    return Status::OK();
}

Status given_up() { return Status::Cancelled("it was given up"); }

}  // namespace

arrow::Result<std::unique_ptr<OpenObject>> open_object(const asof_objects &objects, const std::string &path) {
    auto opened = objects.files->OpenInputFile(path);
    if (!opened.ok()) {
        // Arrow's error of an object that is not there is told from others by looking.
        auto info = objects.files->GetFileInfo(path);
        if (info.ok() && !info->IsFile()) return nullptr;
        return opened.status();
    }
    auto object = std::make_unique<OpenObject>();
    object->file = *opened;
    object->facts = asof_object{};
    object->facts.exists = true;
    ARROW_ASSIGN_OR_RAISE(object->facts.bytes, object->file->GetSize());
    ARROW_ASSIGN_OR_RAISE(auto metadata, object->file->ReadMetadata());
    take(metadata.get(), object->facts);
    return object;
}

}  // namespace asof

namespace {

using arrow::Status;

Status fetch(
    asof_objects &objects,
    const std::string &path,
    int descriptor,
    bool (*goes_on)(void *),
    void *context,
    asof_object &fetched
) {
    ARROW_ASSIGN_OR_RAISE(auto object, asof::open_object(objects, path));
    if (!object) {
        fetched = asof_object{};
        return Status::OK();
    }
    for (int64_t at = 0; at < object->facts.bytes;) {
        if (goes_on && !goes_on(context)) return asof::given_up();
        int64_t count = std::min(asof::piece_bytes, object->facts.bytes - at);
        ARROW_ASSIGN_OR_RAISE(auto piece, object->file->ReadAt(at, count));
        if (piece->size() != count) return asof::changed();
        ARROW_RETURN_NOT_OK(asof::write(descriptor, piece->data(), count));
        at += count;
    }
    // Each piece was a request of its own: all of them are of one object only if it is still the one that was opened.
    ARROW_ASSIGN_OR_RAISE(auto now, asof::open_object(objects, path));
    if (!now || now->facts.bytes != object->facts.bytes || std::strcmp(now->facts.etag, object->facts.etag) != 0)
        return asof::changed();
    fetched = object->facts;
    return Status::OK();
}

}  // namespace

struct asof_upload {
    asof_objects *objects = nullptr;
    std::string path;
    std::shared_ptr<arrow::io::OutputStream> out;
    int64_t bytes = 0;

    // Arrow would put what there is under its name where a stream ends without a word.
    ~asof_upload() {
        if (!out) return;
        (void)out->Flush();
        (void)out->Abort();
    }
};

namespace {

Status send(asof_upload &upload, int descriptor, bool (*goes_on)(void *), void *context) {
    ARROW_RETURN_NOT_OK(upload.objects->files->OpenOutputStream(upload.path, nullptr).Value(&upload.out));
    std::vector<uint8_t> piece(static_cast<size_t>(asof::piece_bytes));
    for (int64_t at = 0;;) {
        if (goes_on && !goes_on(context)) return asof::given_up();
        ssize_t count = pread(descriptor, piece.data(), piece.size(), at);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return Status::IOError("what is to be sent cannot be read: ", std::strerror(errno));
        if (count == 0) break;
        ARROW_RETURN_NOT_OK(upload.out->Write(piece.data(), count));
        at += count;
        upload.bytes = at;
    }
    return upload.out->Flush();
}

}  // namespace

asof_objects *asof_objects_open(const char *uri, asof_failure *failure) {
    std::unique_ptr<asof_objects> objects;
    auto status = asof::guarded([&] {
        ARROW_RETURN_NOT_OK(asof::load());
        objects = std::make_unique<asof_objects>();
        ARROW_RETURN_NOT_OK(arrow::fs::FileSystemFromUri(uri).Value(&objects->files));
        // Its threads must have ended before what they use goes, which the library made just now: so this is said behind it.
        static std::once_flag once;
        std::call_once(once, [] { std::atexit([] { arrow::fs::EnsureFinalized(); }); });
        return Status::OK();
    });
    if (status.ok()) return objects.release();
    asof::fail(failure, status);
    return nullptr;
}

asof_status asof_objects_find(asof_objects *objects, const char *path, asof_object *found, asof_failure *failure) {
    auto status = asof::guarded([&] {
        ARROW_ASSIGN_OR_RAISE(auto object, asof::open_object(*objects, path));
        *found = object ? object->facts : asof_object{};
        return Status::OK();
    });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

asof_status asof_objects_list(
    asof_objects *objects,
    const char *path,
    void (*visit)(void *context, const char *path, int64_t bytes),
    void *context,
    asof_failure *failure
) {
    auto status = asof::guarded([&] {
        arrow::fs::FileSelector selector;
        selector.base_dir = path;
        selector.recursive = true;
        selector.allow_not_found = true;
        ARROW_ASSIGN_OR_RAISE(auto found, objects->files->GetFileInfo(selector));
        for (const auto &info : found)
            if (info.IsFile()) visit(context, info.path().c_str(), info.size());
        return Status::OK();
    });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

asof_status asof_objects_fetch(
    asof_objects *objects,
    const char *path,
    int descriptor,
    bool (*goes_on)(void *context),
    void *context,
    asof_object *fetched,
    asof_failure *failure
) {
    auto status = asof::guarded([&] { return fetch(*objects, path, descriptor, goes_on, context, *fetched); });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

asof_status asof_objects_remove(asof_objects *objects, const char *path, asof_failure *failure) {
    auto status = asof::guarded([&] {
        auto removed = objects->files->DeleteFile(path);
        if (removed.ok()) return removed;
        auto info = objects->files->GetFileInfo(path);
        return info.ok() && !info->IsFile() ? Status::OK() : removed;
    });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

asof_upload *asof_upload_send(
    asof_objects *objects,
    const char *path,
    int descriptor,
    bool (*goes_on)(void *context),
    void *context,
    asof_failure *failure
) {
    std::unique_ptr<asof_upload> upload;
    auto status = asof::guarded([&] {
        upload = std::make_unique<asof_upload>();
        upload->objects = objects;
        upload->path = path;
        return send(*upload, descriptor, goes_on, context);
    });
    if (status.ok()) return upload.release();
    asof::fail(failure, status);
    asof_upload_free(upload.release());
    return nullptr;
}

asof_status asof_upload_finish(asof_upload *upload, asof_object *written, asof_failure *failure) {
    auto status = asof::guarded([&] {
        ARROW_RETURN_NOT_OK(upload->out->Close());
        upload->out.reset();
        // The storage has taken it whole. What it calls the bytes is worth to know, and no reason to call the upload a failure.
        *written = asof_object{};
        written->exists = true;
        written->bytes = upload->bytes;
        auto object = asof::open_object(*upload->objects, upload->path);
        if (!object.ok()) return Status::OK();
        if (!*object) return Status::IOError("it is not there though the storage has taken it");
        *written = (*object)->facts;
        return Status::OK();
    });
    return status.ok() ? ASOF_OK : asof::fail(failure, status);
}

void asof_upload_free(asof_upload *upload) {
    (void)asof::guarded([&] {
        delete upload;
        return Status::OK();
    });
}
