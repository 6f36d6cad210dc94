/// The name of an object in storage that speaks S3: `s3://BUCKET/KEY`.
package struct ObjectName: Sendable, Hashable {
    package let bucket: String
    /// Parts between single slashes, none of them empty, `.` or `..`.
    package let key: String

    package static let scheme = "s3://"

    /// Whether a path is meant as an object's name; whether it is a good one, ``init(_:)`` says.
    package static func isOne(_ path: String) -> Bool { path.hasPrefix(scheme) }

    /// - Throws: ``ColumnarError/badObjectName(_:reason:)``.
    package init(_ text: String) throws(ColumnarError) {
        func refused(_ reason: String) -> ColumnarError {
            // What stands before an @ may be a password.
            let shown = text.split(separator: "@", maxSplits: 1).count == 2 ? Self.scheme + "…" : text
            return .badObjectName(shown, reason: reason)
        }
        guard Self.isOne(text) else { throw refused("it does not begin with \(Self.scheme)") }
        let parts = text.dropFirst(Self.scheme.count).split(separator: "/", omittingEmptySubsequences: false)
        let bucket = parts.first ?? ""
        guard !bucket.contains("@"), !bucket.contains(":") else {
            throw refused("a bucket has no '@' and no ':'; credentials come from AWS_ACCESS_KEY_ID and its like")
        }
        guard bucket.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }),
            (3...63).contains(bucket.utf8.count)
        else {
            throw refused("'\(bucket)' is no name of a bucket")
        }
        guard !text.contains("?"), !text.contains("#") else {
            throw refused(
                "a key with '?' or '#' is not taken; settings come from AWS_ENDPOINT_URL, AWS_REGION and their like"
            )
        }
        let key = parts.dropFirst()
        guard !key.isEmpty, key.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
            throw refused("behind the bucket goes a key, its parts between single slashes")
        }
        guard key.joined(separator: "/").utf8.count <= ColumnarLimits.objectKeyBytesMax else {
            throw refused("its key has more than \(ColumnarLimits.objectKeyBytesMax) bytes")
        }
        self.bucket = String(bucket)
        self.key = key.joined(separator: "/")
    }

    private init(bucket: String, key: String) {
        self.bucket = bucket
        self.key = key
    }

    package var text: String { Self.scheme + path }
    /// As Arrow's file system calls it.
    var path: String { bucket + "/" + key }
    /// The part behind the last slash.
    package var lastPart: String { String(key.split(separator: "/").last ?? "") }

    /// An object below this one's name.
    package func appending(_ part: String) -> ObjectName { ObjectName(bucket: bucket, key: key + "/" + part) }
}
