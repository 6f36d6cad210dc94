import Columnar
import Features
import TrainingSets

extension FileFormat {
    /// What leaves with a type of another name, a sentence each.
    ///
    /// - Parameter columns: a spine's.
    /// - Throws: ``WorkflowError`` with what to do, for the first column that this format has no values for.
    func notes(on columns: [ColumnSchema], out: String) throws -> [String] {
        var notes: [String] = []
        for column in columns {
            guard let passed = column.passed else { continue }
            switch keeps(passed) {
            case .asItIs: break
            case .asType(let type):
                notes.append("column '\(column.name)' is \(passed.text); \(title) has it as \(type)")
            case .refused(let advice):
                // Times that are needed cannot be left out.
                let dropping = passed == .momentText ? "" : ", or leave it out with --drop \(column.name)"
                throw WorkflowError.refused(
                    "\(out): column '\(column.name)' of the spine is \(passed.text), which \(title) does not have; "
                        + advice + dropping
                )
            }
        }
        return notes
    }

    /// As sentences call it.
    private var title: String {
        switch self {
        case .csv: "CSV"
        case .jsonLines: "JSON Lines"
        case .parquet: "Parquet"
        case .arrow: "Arrow IPC"
        }
    }
}
