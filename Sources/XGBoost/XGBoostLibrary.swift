internal import CXGBoost
import Synchronization

/// libxgboost, opened at run time: for the process that trains, and for tests. A server never opens it.
package final class XGBoostLibrary: Sendable {
    package static let versionPrefix = "3.4."
    /// Warnings that are kept until they are asked for; later ones are dropped.
    private static let warningsMax = 100
    private static let warnings = Mutex<[String]>([])

    /// Functions of the library; they may be called from any thread.
    let table: asof_xgboost_table
    /// As in `3.4.1`.
    package let version: String

    /// Opens the library in this process, to its end.
    ///
    /// - Parameter path: of `libxgboost.so`; what it needs beside it stays where its wheel has it.
    /// - Throws: ``XGBoostError/cannotOpen(path:reason:)``, ``XGBoostError/wrongVersion(path:got:)``.
    package static func open(_ path: String) throws(XGBoostError) -> XGBoostLibrary {
        var table = asof_xgboost_table()
        var problem = [CChar](repeating: 0, count: 512)
        guard asof_xgboost_open(path, &table, &problem, problem.count) == 0 else {
            let reason = String(decoding: problem.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw .cannotOpen(path: path, reason: reason)
        }
        var major: Int32 = 0
        var minor: Int32 = 0
        var patch: Int32 = 0
        table.version(&major, &minor, &patch)
        let version = "\(major).\(minor).\(patch)"
        guard version.hasPrefix(versionPrefix) else { throw .wrongVersion(path: path, got: version) }
        _ = table.register_log { line in
            guard let line else { return }
            let text = String(cString: line)
            XGBoostLibrary.warnings.withLock { if $0.count < XGBoostLibrary.warningsMax { $0.append(text) } }
        }
        return XGBoostLibrary(table: table, version: version)
    }

    private init(table: asof_xgboost_table, version: String) {
        self.table = table
        self.version = version
    }

    /// What the library has said since the last call, as of parameters that it does not know.
    package static func takeWarnings() -> [String] {
        warnings.withLock { kept in
            defer { kept = [] }
            return kept
        }
    }

    /// Throws the library's reason where a call did not return 0.
    func check(_ result: Int32, _ call: String) throws(XGBoostError) {
        guard result != 0 else { return }
        let text = table.last_error().map { String(cString: $0) } ?? "no reason given"
        // A stack trace follows.
        let reason = text.split(separator: "\n").first { !$0.contains("Stack trace") } ?? "no reason given"
        throw .refused(call: call, reason: String(reason))
    }

    /// What the library calls an array interface: JSON with the address of rows of float32.
    static func interface(_ start: UnsafePointer<Float>?, shape: [Int]) -> String {
        let address = start.map { UInt(bitPattern: $0) } ?? 0
        let sizes = shape.map { "\($0)" }.joined(separator: ",")
        return "{\"data\":[\(address),true],\"shape\":[\(sizes)],\"typestr\":\"<f4\",\"version\":3}"
    }
}
