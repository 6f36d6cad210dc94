import Features

/// Why a command fails, as its reply says it: a code for programs, a sentence for people.
///
/// Messages say what, got, expected and the known alternatives. They repeat what the client itself sent, cut and on one
/// line; never SQL, a stored value, or a message of PostgreSQL's.
package struct CommandFault: Error, Hashable, Sendable {
    /// The first word of an error reply.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        /// Syntax, and what has no code of its own.
        case general = "ERR"
        case noView = "FSNOVIEW"
        case noFeature = "FSNOFEATURE"
        case noService = "FSNOSERVICE"
        /// An argument names no entity of the view.
        case entity = "FSENTITY"
        /// A value, feature or view is of a type that cannot be used so.
        case type = "FSTYPE"
        case value = "FSVALUE"
        case time = "FSTIME"
        /// Line protocol that is none.
        case parse = "FSPARSE"
        case limit = "FSLIMIT"
        /// A numbered write that can never be stored, or not before one that failed.
        case order = "FSORDER"
        case timeout = "FSTIMEOUT"
        /// PostgreSQL cannot be used now; the same command may succeed later.
        case unavailable = "FSUNAVAILABLE"
        /// This server may not write to the store as it is now: the same command fails until the server is replaced.
        case readOnly = "FSREADONLY"
        case noModel = "MLNOMODEL"
        case noVersion = "MLNOVERSION"
        case notReady = "MLNOTREADY"
        /// A name of a model stands for another version than the client thinks.
        case modelConflict = "MLCONFLICT"
        case modelSchema = "MLSCHEMA"
        case modelValue = "MLVALUE"
        case modelTimeout = "MLTIMEOUT"
        case noAuth = "NOAUTH"
        case noPermission = "NOPERM"
        case wrongPassword = "WRONGPASS"
        case loading = "LOADING"
        /// The key holds no hash; Redis's word.
        case wrongType = "WRONGTYPE"
    }

    package let code: Code
    /// Without the code, on one line; without names that whoever is told may not know: see ``description(telling:)``.
    package let message: String
    /// Of what there is where a name is unknown.
    private let known: Known?

    private struct Known: Hashable, Sendable {
        let name: String
        let names: [String]
    }

    /// - Parameter message: lower case, without a full stop.
    package init(_ code: Code, _ message: String) {
        self.init(code, message, nil)
    }

    private init(_ code: Code, _ message: String, _ known: Known?) {
        self.code = code
        self.message = message
        self.known = known
    }

    /// - Parameter line: what a caller without the right is told, its code first.
    package init(refusal line: String) {
        let code = Code.noPermission
        self.init(code, String(line.dropFirst(line.hasPrefix(code.rawValue) ? code.rawValue.count + 1 : 0)))
    }
}

extension CommandFault: CustomStringConvertible {
    /// The line that a client gets who may know all names, without its marker.
    package var description: String { description(telling: nil) }

    /// The same for a client who may know some.
    package func description(telling names: ToldNames?) -> String {
        "\(code.rawValue) \(message)\(hint(telling: names))"
    }

    /// What stands behind the message: the names among those that there are which the client may know.
    package func hint(telling names: ToldNames?) -> String {
        guard let known else { return "" }
        let told = names.map { names in known.names.filter { names(code, $0) } } ?? known.names
        return known.names.isEmpty ? "; none is defined" : Name.hint(for: known.name, among: told)
    }
}

/// Whether a client may be told a name of a view, a service or a model, which the code of the fault says.
package typealias ToldNames = @Sendable (CommandFault.Code, String) -> Bool

extension CommandFault {
    /// The most characters of a client's text that a message repeats.
    package static let quotedMax = 128

    /// A client's text between quotes, cut, without control characters.
    package static func quoted(_ text: String) -> String { "'\(text.onOneLine(quotedMax))'" }

    package static func unknownView(_ name: String, known: [String]) -> CommandFault {
        CommandFault(.noView, "no view \(quoted(name))", Known(name: name, names: known))
    }

    package static func unknownFeature(_ name: String, view: String, known: [String]) -> CommandFault {
        CommandFault(.noFeature, "view '\(view)' has no feature \(quoted(name))\(hint(name, known))")
    }

    package static func unknownService(_ name: String, known: [String]) -> CommandFault {
        CommandFault(.noService, "no service \(quoted(name))", Known(name: name, names: known))
    }

    package static func unknownModel(_ name: String, known: [String]) -> CommandFault {
        CommandFault(.noModel, "no model \(quoted(name))", Known(name: name, names: known))
    }

    /// An argument that is no entity.
    /// - Parameter reason: may hold the argument; what is too long of it is cut.
    package static func entity(_ reason: String, view: String) -> CommandFault {
        CommandFault(.entity, "view '\(view)': \(reason.onOneLine(4 * quotedMax))")
    }

    /// A word where none of the command's options stands.
    package static func unknownOption(_ word: String, command: String, expected: String) -> CommandFault {
        CommandFault(.general, "unknown option \(quoted(word)) of '\(command)'; expected \(expected)")
    }

    /// An option whose arguments the command ends before.
    package static func cutOff(_ option: String, expected: String) -> CommandFault {
        CommandFault(.general, "\(option) is followed by too few arguments; expected \(expected)")
    }

    package static let stillLoading = stillLoading("")

    /// - Parameter reason: what is loaded and how far, or what is waited for; empty where that is not known.
    package static func stillLoading(_ reason: String) -> CommandFault {
        CommandFault(
            .loading,
            "the latest values are being loaded\(reason.isEmpty ? "" : " (\(reason))"); 'loading' in INFO tells when that is "
                + "done; try again soon"
        )
    }

    /// - Parameter fault: says that a name is not known.
    package static func untilDefinitionsAreServed(_ fault: CommandFault) -> CommandFault {
        CommandFault(
            .unavailable,
            "\(fault.message); but definitions have just been applied and are not served yet: try again soon"
        )
    }

    private static func hint(_ name: String, _ known: [String]) -> String {
        known.isEmpty ? "; none is defined" : Name.hint(for: name, among: known)
    }
}

extension ReplyWriter {
    package mutating func fault(_ fault: CommandFault) { error(fault.description(telling: names)) }
}
