package import Access
import Wire

extension Caller {
    /// Which names errors may tell it: those that it may read; `nil` = all.
    var told: ToldNames? {
        guard rights != nil else { return nil }
        return { code, name in
            switch code {
            case .noView: mayRead(.view, name)
            case .noService: mayRead(.service, name)
            case .noModel: mayRead(.model, name)
            default: false
            }
        }
    }
}

/// What a command asks of its caller: a class, and on which names.
///
/// Both come from the command's row: the class from its flags, the names from its arguments. Other protocols ask with the
/// row of the command that does the same, so that nobody may do by one protocol what another refuses.
package struct CommandAccess: Hashable, Sendable {
    /// Where the names stand.
    package enum Names: Hashable, Sendable {
        /// Nowhere: the class for any name will do.
        case none
        case argument(NameKind, at: Int)
        /// Keys `view:entity`.
        case keys(at: Int, isMultiple: Bool)
    }

    package let commandClass: CommandClass
    package let names: Names

    package init(_ commandClass: CommandClass, _ names: Names) {
        self.commandClass = commandClass
        self.names = names
    }

    static func commandClass(_ flags: Command.Flags) -> CommandClass {
        if flags.contains(.noAuth) { return .open }
        if flags.contains(.admin) { return .admin }
        if flags.contains(.write) { return .write }
        return flags.contains(.readonly) ? .read : .connected
    }

    /// The first argument that is called `view`, `service` or `model`, or is a key.
    static func names(_ arguments: [ArgumentSpec], from first: Int) -> Names {
        for (index, argument) in arguments.enumerated() where argument.token == nil {
            if let kind = NameKind(rawValue: argument.name) { return .argument(kind, at: first + index) }
            if argument.kind == .key { return .keys(at: first + index, isMultiple: argument.isMultiple) }
        }
        return .none
    }

    /// - Returns: the error; `nil` = the caller may.
    func refusal(_ arguments: borrowing Arguments, of caller: Caller, command: String) -> String? {
        switch names {
        case .argument(let kind, let at) where at < arguments.count:
            return caller.refusal(commandClass, kind, arguments[at], of: command)
        case .keys(let at, let isMultiple) where at < arguments.count:
            for index in at..<(isMultiple ? arguments.count : at + 1) {
                let refusal = caller.refusal(commandClass, .view, Self.view(of: arguments[index]), of: command)
                if let refusal { return refusal }
            }
            return nil
        case .none, .argument, .keys: return caller.refusal(commandClass, of: command)
        }
    }

    /// What stands before the colon of a key.
    @_lifetime(copy key)
    private static func view(of key: Span<UInt8>) -> Span<UInt8> {
        var end = 0
        while end < key.count, key[end] != UInt8(ascii: ":") { end += 1 }
        return key.extracting(0..<end)
    }
}
