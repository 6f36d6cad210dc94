import CArrow
import Glibc

/// An object on its way into storage: nobody sees anything of it before ``finish()``, which puts it there at once.
///
/// One that is dropped before is given up, and storage is told to forget what was sent. A process that is killed leaves parts that
/// nobody sees, which the bucket's lifecycle rule for incomplete uploads removes.
package final class ObjectUpload {
    private let name: ObjectName
    private var handle: OpaquePointer?

    /// Sends a file's bytes.
    /// - Parameter goesOn: asked now and then.
    package init(_ path: String, as name: ObjectName, goesOn: Going? = nil) throws(ColumnarError) {
        self.name = name
        let storage = try ObjectStorage.of(name)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotRead(file: path, reason: InputFile.systemReason(errno)) }
        defer { close(descriptor) }
        var failure = asof_failure()
        handle = Going.with(goesOn) { ask, context in
            asof_upload_send(storage.handle, name.path, descriptor, ask, context, &failure)
        }
        guard handle != nil else { throw .cannotWrite(file: name.text, reason: failure.takeReason()) }
    }

    deinit { if let handle { asof_upload_free(handle) } }

    /// Puts what was sent under its name, in place of what is there.
    @discardableResult
    package func finish() throws(ColumnarError) -> ObjectStorage.Facts {
        precondition(handle != nil, "an upload is finished once")
        defer {
            asof_upload_free(handle)
            handle = nil
        }
        var failure = asof_failure()
        var written = asof_object()
        guard asof_upload_finish(handle, &written, &failure) == ASOF_OK else {
            throw .cannotWrite(file: name.text, reason: failure.takeReason())
        }
        return ObjectStorage.Facts(written)
    }
}
