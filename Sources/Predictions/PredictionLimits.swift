/// Every bound of what is kept of predictions, with its reason.
package enum PredictionLimits {
    // MARK: The log of predictions

    /// Request values of a row that are logged: larger ones would be most of the log.
    package static let valueBytesMax = 4 << 10
    /// The ID that a request may have.
    package static let requestIDBytesMax = 256
    /// Days of the log that are kept: as long as labels are usually waited for and answers asked about.
    package static let logDays = 90
    /// Days of counts by minute that are kept: a year and a month, so that a year can be compared with the one before.
    package static let countDays = 400
    /// Rows of the log that a look at quality takes: what it takes in memory is about 100 bytes each.
    package static let qualityRowsMax = 5_000_000

    // MARK: Inside

    /// How long making or dropping a day's partition waits for whoever reads the log.
    static let partitionLockTimeoutMs = 2_000
}
