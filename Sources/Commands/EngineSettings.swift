package import Access
import Wire

/// How a server was started, as far as commands tell or need it.
package struct EngineSettings: Sendable {
    /// Of the user `default`, who may do everything; `nil` = there is none.
    package var password: Password?
    /// Commands that take longer go to the slow log; negative = none.
    package var slowLogUs: Int64 = 10_000
    package var clientsMax = 10_000
    package var bulkBytesMax = WireLimits.bulkBytesMax
    package var threads = 1
    /// Whether clients may move names of models.
    package var allowsFlips = false
    package var version = "0.1.0"

    package init() {}
}
