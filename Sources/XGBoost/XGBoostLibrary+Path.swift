extension XGBoostLibrary {
    /// Where the library lies: the file that `ASOF_XGBOOST` names, else the one that `scripts/setup` has put into the cache.
    package static func path(_ environment: [String: String]) -> String {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let path = value("ASOF_XGBOOST") { return path }
        let cache = value("XDG_CACHE_HOME") ?? (value("HOME") ?? "/root") + "/.cache"
        return cache + "/asof/xgboost/xgboost/lib/libxgboost.so"
    }
}
