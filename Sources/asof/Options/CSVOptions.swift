import ArgumentParser
import Columnar

/// How CSV is spelled, of files and spines.
struct CSVOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What stands between fields of CSV, as ';', '|' or '\\t'; by default a comma, in .tsv files a tab, or what a first "
                + "line sep=; says.",
            valueName: "character"
        )
    )
    var delimiter: String?
    @Option(
        help: ArgumentHelp(
            "What makes the next character of CSV stand for itself, as '\\'; \\N alone is null then.",
            valueName: "character"
        )
    )
    var escape: String?

    func validate() throws {
        for (option, text) in [("--delimiter", delimiter), ("--escape", escape)] {
            guard let text, CSVDialect.character(text) == nil else { continue }
            throw ValidationError(
                "\(option) '\(text)': expected one character that is no letter, digit, sign, point or quote, as ';', or \\t, tab "
                    + "or \\x01"
            )
        }
        if let delimiter, CSVDialect.character(delimiter) == escape.flatMap(CSVDialect.character) {
            throw ValidationError("--delimiter and --escape are both '\(delimiter)'")
        }
    }

    /// The delimiter; `nil` = what the file says.
    var delimiterByte: UInt8? { delimiter.flatMap(CSVDialect.character) }
    var escapeByte: UInt8? { escape.flatMap(CSVDialect.character) }

    /// The option that was given, for commands that read no CSV.
    var given: String? { delimiter != nil ? "--delimiter" : escape != nil ? "--escape" : nil }
}
