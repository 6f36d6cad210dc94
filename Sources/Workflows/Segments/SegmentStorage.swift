import Columnar
import Segments
import Store

/// Segments' objects, in storage that speaks S3.
struct SegmentStorage: SegmentObjects {
    func read(_ name: String) throws(StoreError) -> [UInt8]? {
        try use(name) { storage, name throws(ColumnarError) in try storage.read(name) }
    }

    func list(_ name: String) throws(StoreError) -> [String] {
        try use(name) { storage, name throws(ColumnarError) in try storage.list(name) }
    }

    func put(_ path: String, as name: String) throws(StoreError) -> String {
        try use(name) { _, name throws(ColumnarError) in try ObjectUpload(path, as: name).finish().etag }
    }

    func remove(_ name: String) throws(StoreError) {
        try use(name) { storage, name throws(ColumnarError) in try storage.remove(name) }
    }

    func digest(_ name: String) throws(StoreError) -> [UInt8] {
        let copy = try use(name) { storage, name throws(ColumnarError) in
            guard let copy = try ObjectCopy.make(name, storage) else {
                throw .cannotRead(file: name.text, reason: "the object is missing")
            }
            return copy
        }
        return try SegmentDirectory.digest(copy.path)
    }

    private func use<Value>(
        _ name: String,
        _ body: (ObjectStorage, ObjectName) throws(ColumnarError) -> Value
    ) throws(StoreError) -> Value {
        do throws(ColumnarError) {
            let name = try ObjectName(name)
            return try body(try ObjectStorage.of(name), name)
        } catch {
            throw .file("\(error)")
        }
    }
}
