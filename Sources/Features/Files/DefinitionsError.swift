/// Everything that is wrong with a features.yaml and the files that it includes, in the order of the files.
package struct DefinitionsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One fault and where it stands.
    package struct Issue: Hashable, Sendable {
        /// Where it stands, if not in the error's own ``DefinitionsError/file``: an included file.
        package var file: String?
        /// From 1.
        package var line: Int
        /// From 1, counted in Unicode scalars.
        package var column: Int
        /// What was found, what is expected and what to do; one line, no full stop.
        package var message: String

        package init(file: String? = nil, line: Int, column: Int, message: String) {
            self.file = file
            self.line = line
            self.column = column
            self.message = message
        }
    }

    /// The file's name as the user gave it.
    package var file: String
    /// At least one, by file, line and column; at most ``DefinitionLimits/issuesMax``.
    package var issues: [Issue]

    package init(file: String, issues: [Issue]) {
        self.file = file
        self.issues = issues
    }

    /// One `file:line:column: message` a line, which editors and CI systems know how to follow.
    package var description: String {
        issues.map { "\($0.file ?? file):\($0.line):\($0.column): \($0.message)" }.joined(separator: "\n")
    }
}
