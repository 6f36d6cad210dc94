/// A test of definitions, as a file of tests has it: rows, what is asked, and what the answer has to be.
package struct FeatureTest: Sendable {
    package enum Cell: Hashable, Sendable {
        case null
        /// As the file spells it; a list as JSON.
        case text(String)
    }

    /// A row by its columns, in the order of the file.
    package struct Row: Sendable {
        package let cells: [(name: String, cell: Cell)]
        /// `file:line:column`.
        package let place: String

        package subscript(name: String) -> Cell? { cells.first { $0.name == name }?.cell }
    }

    /// What a view has before anything is asked.
    package struct Given: Sendable {
        package enum Content: Sendable {
            case rows([Row])
            /// A path, relative to the file of tests.
            case file(String)
        }

        package let view: String
        package let content: Content
    }

    package enum Step: Sendable {
        case materialize(view: String, from: Timestamp?, to: Timestamp?)
        /// Reads `features` of each row's entity, as `asof get` does; `at` = nil is now.
        case get(features: String, at: Timestamp?, rows: [Row])
        /// Joins `features` to the rows, as `asof export` does.
        case export(features: String, labelTime: String, knownAtLabel: Bool, rows: [Row])
    }

    package let name: String
    /// `file:line:column`.
    package let place: String
    /// Run before rows are stored: what the SQL of batch views reads.
    package let sql: String?
    /// Files of definitions have one order of views, and tests may need another: rows are stored in this one.
    package let given: [Given]
    /// The last one gives the rows that ``then`` is compared with.
    package let steps: [Step]
    package let then: [Row]
}

extension FeatureTest {
    /// Reads a file of tests.
    ///
    /// - Throws: all faults, by line and column; of faults in YAML's own syntax the first.
    package static func parse(yaml: String, file: String) throws(DefinitionsError) -> [FeatureTest] {
        let document = try YAMLDocument(yaml: yaml, file: file)
        var reader = DefinitionsReader(file: file)
        let tests = document.root.map { reader.tests($0) } ?? []
        guard reader.issues.isEmpty else { throw DefinitionsError(file: file, issues: reader.issues) }
        return tests
    }
}
