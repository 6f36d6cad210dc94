import ArgumentParser
import Columnar
import Features
import Workflows

/// Where a spine comes from, and how it is read.
struct SpineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The spine: a file of entity keys, label times and anything else; - is standard input.",
            valueName: "file"
        )
    )
    var spine: String?
    @Option(help: ArgumentHelp("The spine as a query, run read-only as the connected role.", valueName: "select"))
    var spineSql: String?
    @Option(
        help: ArgumentHelp(
            "csv, jsonl, parquet or arrow; by default what the spine's extension says.",
            valueName: "format"
        )
    )
    var spineFormat: String?
    @Option(help: ArgumentHelp("The spine's column of label times.", valueName: "column"))
    var labelTime: String
    @Option(
        help: ArgumentHelp(
            "Leave out this column of the spine, '' = those without a name; may be given several times.",
            valueName: "column"
        )
    )
    var drop: [String] = []
    @Option(help: ArgumentHelp("Another spelling of null in a CSV spine.", valueName: "text"))
    var null: [String] = []
    @OptionGroup var csv: CSVOptions
    @Option(help: ArgumentHelp("The unit of the spine's integer times: s, ms, us or ns.", valueName: "unit"))
    var timeUnit: String?
    @Flag(name: .customLong("allow-1970"), help: "Accept integer times in the first 100 days of 1970.")
    var allow1970 = false

    /// For commands that read one.
    func require() throws {
        if (spine == nil) == (spineSql == nil) { throw ValidationError("give one of --spine and --spine-sql") }
    }

    func validate() throws {
        try Self.check(spineFormat, option: "--spine-format")
        try TimeArgument.checkUnit(timeUnit)
    }

    static func check(_ format: String?, option: String) throws {
        if let format, FileFormat(name: format) == nil {
            throw ValidationError("\(option) '\(format)': expected \(FileFormat.spellings)")
        }
    }

    var source: SpineSource {
        if let spineSql { return .query(spineSql) }
        var options = InputOptions(nullTexts: null, timeUnit: timeUnit.flatMap { TimeUnit(rawValue: $0) })
        options.delimiter = csv.delimiterByte
        options.escape = csv.escapeByte
        options.allowsEarly1970 = allow1970
        return .file(spine ?? "", format: spineFormat.flatMap { FileFormat(name: $0) }, options)
    }
}
