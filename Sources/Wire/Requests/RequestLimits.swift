/// What a request may be at most; checked before anything of that size is kept.
package struct RequestLimits: Hashable, Sendable {
    package var argumentsMax: Int
    package var bulkBytesMax: Int
    /// Of an inline line, or of a line that tells a length.
    package var lineBytesMax: Int
    /// Of all of a request.
    package var requestBytesMax: Int
    /// Which words an error has.
    package var isAuthenticated: Bool

    package init(
        argumentsMax: Int = WireLimits.argumentsMax,
        bulkBytesMax: Int = WireLimits.bulkBytesMax,
        lineBytesMax: Int = WireLimits.lineBytesMax,
        requestBytesMax: Int = WireLimits.requestBytesMax,
        isAuthenticated: Bool = true
    ) {
        self.argumentsMax = argumentsMax
        self.bulkBytesMax = bulkBytesMax
        self.lineBytesMax = lineBytesMax
        self.requestBytesMax = requestBytesMax
        self.isAuthenticated = isAuthenticated
    }
}
