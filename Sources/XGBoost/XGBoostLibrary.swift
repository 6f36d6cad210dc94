import CXGBoost

/// What went wrong with XGBoost.
package enum XGBoostError: Error, Sendable, Hashable {
    /// There is no library, or it cannot be opened.
    case missing(String)
    case version(String)
    /// What the library says.
    case library(String)
}

extension XGBoostError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missing(let reason):
            "XGBoost's library cannot be opened: \(reason); `scripts/setup` fetches it, or name one in ASOF_XGBOOST"
        case .version(let version):
            "XGBoost is version \(version); 3.4 is needed, since others read and write models in other ways"
        case .library(let message): "XGBoost: \(message)"
        }
    }
}

/// XGBoost's library, opened in this process until it ends.
///
/// Only for a process that fits: the library starts threads of its own, and a model file may end it.
package final class XGBoostLibrary: @unchecked Sendable {
    // Sendable: the functions are only read once it is made; matrices and boosters are used by one thread.
    let functions: asof_xgboost
    package let version: String

    /// - Parameter path: of libxgboost.so.
    package init(path: String) throws(XGBoostError) {
        var functions = asof_xgboost()
        var error = [CChar](repeating: 0, count: 512)
        guard asof_xgboost_open(path, &functions, &error, error.count) == 0 else {
            throw .missing(Self.text(error))
        }
        var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
        functions.version(&major, &minor, &patch)
        version = "\(major).\(minor).\(patch)"
        guard major == 3, minor == 4 else { throw .version(version) }
        self.functions = functions
        try check(functions.set_global_config("{\"verbosity\": 0}"))
    }

    /// Where the library is: what `ASOF_XGBOOST` names, else where `scripts/setup` puts it.
    package static func path(_ environment: [String: String]) -> String {
        if let path = environment["ASOF_XGBOOST"], !path.isEmpty { return path }
        let cache =
            environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? (environment["HOME"] ?? "/root")
            + "/.cache"
        return cache + "/asof/xgboost/xgboost/lib/libxgboost.so"
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func check(_ result: Int32) throws(XGBoostError) {
        guard result != 0 else { return }
        let text = functions.last_error().map { String(cString: $0) } ?? "an error without a text"
        // Only its first line: the rest is a stack trace.
        throw .library(String(text.split(separator: "\n", maxSplits: 1).first ?? ""))
    }
}
