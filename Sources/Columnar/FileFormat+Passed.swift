package import Features

extension FileFormat {
    /// What becomes of a column that passes through.
    package enum Keeping: Equatable, Sendable {
        /// It leaves with the type that it came with; text formats have its text.
        case asItIs
        /// The format has its values, in a type that is named otherwise.
        case asType(String)
        /// The format has no such values; what to do instead, as the end of a sentence.
        case refused(advice: String)
    }

    /// What this format makes of columns of `type`.
    package func keeps(_ type: PassedType) -> Keeping {
        switch self {
        case .csv, .jsonLines: Self.textKeeps(type)
        case .arrow: Self.arrowKeeps(type)
        case .parquet: Self.parquetKeeps(type)
        }
    }

    private static func textKeeps(_ type: PassedType) -> Keeping {
        switch type {
        case .duration(let unit):
            .refused(advice: "cast it to an integer of \(unit.rawValue), or to a text")
        case .interval:
            .refused(advice: "cast it to a text (in SQL ::text) or to a number (in SQL extract(epoch FROM …)::float8)")
        default: .asItIs
        }
    }

    private static func arrowKeeps(_ type: PassedType) -> Keeping {
        switch type {
        case .numeric:
            .refused(
                advice: "it has NaN, an infinity or more than \(PassedType.decimalDigitsMax) digits; cast it to double "
                    + "precision (::float8), to text (::text) or to a narrower numeric(p,s)"
            )
        case .sqlText: .refused(advice: "cast it to text (::text)")
        case .momentText:
            .refused(
                advice:
                    "it has times that are finer than nanoseconds, or of nanoseconds outside the years 1678 to 2261; round them "
                    + "to microseconds, or write CSV or JSON Lines, which have them as they are"
            )
        default: .asItIs
        }
    }

    private static func parquetKeeps(_ type: PassedType) -> Keeping {
        switch type {
        case .interval:
            .refused(advice: "cast it to a text (in SQL ::text) or to a number (in SQL extract(epoch FROM …)::float8)")
        case .decimal(_, let precision, let scale) where scale < 0 || scale > precision:
            .refused(advice: "cast it to a decimal whose scale is from 0 to its precision")
        case .decimal(let bits, let precision, let scale) where bits < 128:
            .asType(PassedType.decimal(bits: 128, precision: precision, scale: scale).text)
        case .date64: .asType("date32")
        case .time(.s): .asType("time(ms)")
        case .timestamp(.s, let zone): .asType(PassedType.timestamp(.ms, zone: zone).text)
        default: arrowKeeps(type)
        }
    }
}
