import CArrow
import Foundation
import Synchronization

/// Storage that speaks S3, by Arrow's file system for it; its library is opened with the first object that is named.
///
/// Credentials, region and endpoint are those of the usual variables: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
/// `AWS_SESSION_TOKEN`, `AWS_PROFILE`, roles of the machine; `AWS_REGION` or `AWS_DEFAULT_REGION`; `AWS_ENDPOINT_URL_S3` or
/// `AWS_ENDPOINT_URL`. Threads may share it. A request is tried again by Arrow's rules and ends by its time limits.
package final class ObjectStorage: @unchecked Sendable {
    // Sendable: the handle never changes, and the C side may be called by several threads.
    let handle: OpaquePointer

    /// What storage tells of an object.
    package struct Facts: Sendable, Hashable {
        package let bytes: Int64
        /// Empty where it tells none.
        package let etag: String

        init(_ object: asof_object) {
            bytes = object.bytes
            etag = withUnsafeBytes(of: object.etag) { raw in String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self) }
        }
    }

    /// Those that were opened, by bucket: each has a region of its own.
    private static let opened = Mutex<[String: ObjectStorage]>([:])

    /// The storage of a bucket; opened once a process.
    /// - Throws: ``ColumnarError/storage(_:reason:)``.
    package static func of(_ name: ObjectName) throws(ColumnarError) -> ObjectStorage {
        try opened.withLock { opened throws(ColumnarError) in
            if let known = opened[name.bucket] { return known }
            let storage = try ObjectStorage(name, ProcessInfo.processInfo.environment)
            opened[name.bucket] = storage
            return storage
        }
    }

    private init(_ name: ObjectName, _ environment: [String: String]) throws(ColumnarError) {
        var failure = asof_failure()
        let uri = try Self.uri(name, environment)
        guard let handle = asof_objects_open(uri, &failure) else {
            throw .storage(name.text, reason: failure.takeReason())
        }
        self.handle = handle
    }

    /// Arrow's address of a bucket with what the environment says of it.
    static func uri(_ name: ObjectName, _ environment: [String: String]) throws(ColumnarError) -> String {
        func value(_ names: String...) -> (name: String, text: String)? {
            for name in names { if let text = environment[name], !text.isEmpty { return (name, text) } }
            return nil
        }
        // A small object is one request then, which leaves nothing behind where it fails.
        var options = ["allow_delayed_open=true"]
        var region = value("AWS_REGION", "AWS_DEFAULT_REGION")?.text
        if let endpoint = value("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") {
            guard let url = URLComponents(string: endpoint.text), let host = url.host, !host.isEmpty,
                url.scheme == "http" || url.scheme == "https", url.user == nil, url.path.isEmpty || url.path == "/"
            else {
                throw .storage(
                    name.text,
                    reason: "\(endpoint.name) is no endpoint; expected http://HOST:PORT or https://HOST"
                )
            }
            options.append("scheme=\(url.scheme ?? "https")")
            options.append("endpoint_override=\(host)\(url.port.map { "%3A\($0)" } ?? "")")
            // Others than Amazon hardly have regions; Arrow would ask the machine for one, which takes seconds.
            region = region ?? "us-east-1"
        }
        if let region {
            guard region.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }) else {
                throw .storage(name.text, reason: "the region '\(region)' of AWS_REGION is none")
            }
            options.append("region=\(region)")
        }
        return "s3://\(name.bucket)?\(options.joined(separator: "&"))"
    }

    // MARK: Objects

    /// What is there under a name; `nil` = nothing.
    package func find(_ name: ObjectName) throws(ColumnarError) -> Facts? {
        var failure = asof_failure()
        var found = asof_object()
        guard asof_objects_find(handle, name.path, &found, &failure) == ASOF_OK else {
            throw .cannotRead(file: name.text, reason: failure.takeReason())
        }
        return found.exists ? Facts(found) : nil
    }

    /// The names of all objects below one, without it and its slash, in order.
    package func list(_ name: ObjectName) throws(ColumnarError) -> [String] {
        final class Names {
            var all: [String] = []
        }
        let names = Names()
        var failure = asof_failure()
        let status = withExtendedLifetime(names) {
            asof_objects_list(
                handle,
                name.path,
                { context, path, _ in
                    guard let context, let path else { return }
                    // Safe: the object lives as long as the call.
                    Unmanaged<Names>.fromOpaque(context).takeUnretainedValue().all.append(String(cString: path))
                },
                Unmanaged.passUnretained(names).toOpaque(),
                &failure
            )
        }
        guard status == ASOF_OK else { throw .cannotRead(file: name.text, reason: failure.takeReason()) }
        let start = name.path + "/"
        return names.all.filter { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) }.sorted()
    }

    /// Removes an object; one that is not there is none.
    package func remove(_ name: ObjectName) throws(ColumnarError) {
        var failure = asof_failure()
        guard asof_objects_remove(handle, name.path, &failure) == ASOF_OK else {
            throw .cannotWrite(file: name.text, reason: failure.takeReason())
        }
    }

    /// Writes all of an object into a file that is open for writing.
    ///
    /// - Parameter goesOn: asked now and then.
    /// - Returns: `nil` where there is no such object.
    /// - Throws: also where the object was replaced meanwhile.
    package func fetch(
        _ name: ObjectName,
        into descriptor: Int32,
        goesOn: Going? = nil
    ) throws(ColumnarError) -> Facts? {
        var failure = asof_failure()
        var fetched = asof_object()
        let status = Going.with(goesOn) { ask, context in
            asof_objects_fetch(handle, name.path, descriptor, ask, context, &fetched, &failure)
        }
        guard status == ASOF_OK else { throw .cannotRead(file: name.text, reason: failure.takeReason()) }
        return fetched.exists ? Facts(fetched) : nil
    }

    /// All bytes of a small object; `nil` where there is none.
    package func read(_ name: ObjectName) throws(ColumnarError) -> [UInt8]? {
        guard let copy = try ObjectCopy.make(name, self) else { return nil }
        return try copy.bytes()
    }
}

/// Whether work that takes long is to go on, as C asks it.
package final class Going: Sendable {
    private let isWanted: @Sendable () -> Bool

    package init(_ isWanted: @escaping @Sendable () -> Bool) { self.isWanted = isWanted }

    typealias Ask = @convention(c) (UnsafeMutableRawPointer?) -> Bool

    static func with<Value>(_ going: Going?, _ body: (Ask?, UnsafeMutableRawPointer?) -> Value) -> Value {
        guard let going else { return body(nil, nil) }
        return withExtendedLifetime(going) {
            body(
                { context in
                    guard let context else { return true }
                    // Safe: the object lives as long as the call.
                    return Unmanaged<Going>.fromOpaque(context).takeUnretainedValue().isWanted()
                },
                Unmanaged.passUnretained(going).toOpaque()
            )
        }
    }
}
