import Features

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

    /// Tags of one point of line protocol: as many as a view has entity keys at most.
    package static let pointTagsMax = DefinitionLimits.keysMax
    /// Fields of one point, those that are there twice counted twice: as many as PostgreSQL's tables have columns.
    package static let pointFieldsMax = DefinitionLimits.tableColumnsMax

    package init(
        argumentsMax: Int = 1_048_576,
        bulkBytesMax: Int = 64 << 20,
        lineBytesMax: Int = 64 << 10,
        requestBytesMax: Int = 512 << 20,
        isAuthenticated: Bool = true
    ) {
        self.argumentsMax = argumentsMax
        self.bulkBytesMax = bulkBytesMax
        self.lineBytesMax = lineBytesMax
        self.requestBytesMax = requestBytesMax
        self.isAuthenticated = isAuthenticated
    }
}
