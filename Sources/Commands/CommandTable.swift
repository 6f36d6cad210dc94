package import Access
package import Wire

/// All commands, with their subcommands, by name.
///
/// Names are found in an open-addressing table of hashes of their lower-case bytes, so that no text is made per request. What
/// a request needs of its command stands apart from the rest, without anything that counts references.
package final class CommandTable: Sendable {
    /// A new command family adds its line here.
    package static let all = CommandTable(
        connectionCommands,
        clientCommands,
        serverCommands,
        accessCommands,
        introspectionCommands,
        transactionCommands,
        featureCommands,
        definitionCommands,
        modelCommands,
        hashCommands,
        writeCommands,
        historyCommands,
        observingCommands,
        windowCommands
    )

    /// What a request asks for.
    package enum Resolution: Hashable, Sendable {
        /// A place in the table.
        case command(Int)
        case unknown
        /// A container's place.
        case unknownSubcommand(Int)
        /// A command whose number of arguments is another.
        case arity(Int)
        /// A command that takes fewer arguments.
        case tooMany(Int)

        /// That of the command that was meant, for its counters; `nil` = there is none.
        package var place: Int? {
            switch self {
            case .command(let place), .arity(let place), .tooMany(let place): place
            case .unknown, .unknownSubcommand: nil
            }
        }
    }

    private struct Entry {
        var flags: Command.Flags
        var access: CommandAccess
        var arity: Int
        var argumentsMax: Int
        var requestBytesMax: Int
        /// In ``nameBytes``; a subcommand's without its container's.
        var name: Range<Int>
        /// A subcommand's container; -1 = none.
        var parent: Int32
        var isContainer: Bool
    }

    /// Commands, each followed by its subcommands.
    private let commands: [Command]
    /// Likewise.
    private let entries: [Entry]
    private let handlers: [Command.Handler]
    private let nameBytes: [UInt8]
    /// Places in ``commands``, at their whole name's hash or behind it; -1 = free.
    private let slots: [Int32]
    private let mask: Int
    private let places: [String: Int]

    package init(_ families: [Command]...) {
        var (commands, entries, nameBytes) = ([Command](), [Entry](), [UInt8]())
        for command in families.joined() {
            let parent = Int32(commands.count)
            for entry in [command] + command.subcommands {
                let start = nameBytes.count
                let isSubcommand = commands.count > parent
                nameBytes += entry.name.utf8.dropFirst(isSubcommand ? command.name.utf8.count + 1 : 0)
                entries.append(
                    Entry(
                        flags: entry.flags,
                        access: entry.access,
                        arity: entry.arity,
                        argumentsMax: entry.argumentsMax,
                        requestBytesMax: entry.requestBytesMax,
                        name: start..<nameBytes.count,
                        parent: isSubcommand ? parent : -1,
                        isContainer: !entry.subcommands.isEmpty
                    )
                )
                commands.append(entry)
            }
        }
        var size = 64
        while size < commands.count * 4 { size *= 2 }
        var slots = [Int32](repeating: -1, count: size)
        for (place, command) in commands.enumerated() {
            var hash = NameHash()
            for byte in command.name.utf8 { hash.add(byte) }
            var slot = hash.value & (size - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = Int32(place)
        }
        mask = size - 1
        self.commands = commands
        places = Dictionary(commands.enumerated().map { ($1.name, $0) }) { first, _ in first }
        self.entries = entries
        handlers = commands.map(\.run)
        self.nameBytes = nameBytes
        self.slots = slots
    }

    package var count: Int { commands.count }
    package subscript(place: Int) -> Command { commands[place] }
    package func flags(_ place: Int) -> Command.Flags { entries[place].flags }

    /// - Returns: the error for a caller that may not run a command with these arguments; `nil` = it may, as far as they say
    ///   which names are meant: what stands in lines, or in no argument, the command itself asks for.
    package func refusal(_ place: Int, _ arguments: borrowing Arguments, of caller: Caller) -> String? {
        caller.rights == nil
            ? nil : entries[place].access.refusal(arguments, of: caller, command: commands[place].name)
    }

    /// - Returns: why a command's request is too long; `nil` = it is not.
    package func lengthRefusal(_ place: Int, requestBytes: Int) -> String? {
        let bytesMax = entries[place].requestBytesMax
        guard requestBytes > bytesMax else { return nil }
        return
            "FSLIMIT '\(commands[place].name)' has \(requestBytes) bytes; \(bytesMax) are allowed: send several commands"
    }

    package func run(
        _ place: Int,
        _ context: inout CommandContext,
        _ arguments: borrowing Arguments
    ) -> CommandOutcome {
        handlers[place](&context, arguments)
    }

    /// Without subcommands, by name.
    package var listed: [Command] { commands.filter { !$0.name.contains("|") }.sorted { $0.name < $1.name } }

    /// - Parameter name: in any case; a subcommand's is `client|setname`.
    package func command(_ name: String) -> Command? {
        places[name.lowercased()].map { commands[$0] }
    }

    package func resolve(_ arguments: borrowing Arguments) -> Resolution {
        var hash = NameHash()
        hash.add(arguments[0])
        guard let place = find(hash, arguments[0], in: -1) else { return .unknown }
        if entries[place].isContainer, arguments.count > 1 {
            hash.add(UInt8(ascii: "|"))
            hash.add(arguments[1])
            guard let subcommand = find(hash, arguments[1], in: Int32(place)) else { return .unknownSubcommand(place) }
            return checked(subcommand, arguments.count)
        }
        return checked(place, arguments.count)
    }

    private func checked(_ place: Int, _ count: Int) -> Resolution {
        let arity = entries[place].arity
        if count > entries[place].argumentsMax, arity < 0 { return .tooMany(place) }
        return (arity >= 0 ? count == arity : count >= -arity) ? .command(place) : .arity(place)
    }

    private func find(_ hash: NameHash, _ name: Span<UInt8>, in parent: Int32) -> Int? {
        var slot = hash.value & mask
        while slots[slot] >= 0 {
            let place = Int(slots[slot])
            if entries[place].parent == parent, isNamed(place, name) { return place }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private func isNamed(_ place: Int, _ name: Span<UInt8>) -> Bool {
        let expected = entries[place].name
        guard expected.count == name.count else { return false }
        for index in 0..<name.count
        where NameHash.lower(name[index]) != nameBytes[expected.lowerBound + index] { return false }
        return true
    }
}

/// FNV-1a over lower-case bytes.
private struct NameHash {
    /// Longer names are no command's.
    static let lengthMax = 64

    private var state: UInt32 = 2_166_136_261

    mutating func add(_ name: Span<UInt8>) {
        for index in 0..<min(name.count, Self.lengthMax) { add(name[index]) }
    }

    mutating func add(_ byte: UInt8) { state = (state ^ UInt32(Self.lower(byte))) &* 16_777_619 }
    var value: Int { Int(state ^ state >> 15) }

    static func lower(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}

extension CommandTable {
    /// Names that a client sent are cut here in what it is told.
    static let shownMax = 128

    /// What a client is told of a request that is none of the table's.
    package func refusal(_ resolution: Resolution, _ arguments: borrowing Arguments) -> String {
        switch resolution {
        case .command(let place), .arity(let place):
            return "ERR wrong number of arguments for '\(commands[place].name)' command"
        case .tooMany(let place):
            return
                "FSLIMIT '\(commands[place].name)' has \(arguments.count) arguments; \(entries[place].argumentsMax) are "
                + "allowed: send several commands"
        case .unknownSubcommand(let place): return Self.unknownSubcommand(of: commands[place].name, arguments.text(1))
        case .unknown:
            var shown = ""
            var index = 1
            while index < arguments.count, shown.utf8.count < Self.shownMax {
                shown += "'\(Self.cut(arguments, index, Self.shownMax - shown.utf8.count))' "
                index += 1
            }
            return "ERR unknown command '\(Self.cut(arguments, 0, Self.shownMax))', with args beginning with: \(shown)"
        }
    }

    static func unknownSubcommand(of name: String, _ given: String) -> String {
        "ERR unknown subcommand '\(given.prefix(shownMax))'. Try \(name.uppercased()) HELP."
    }

    private static func cut(_ arguments: borrowing Arguments, _ index: Int, _ bytesMax: Int) -> String {
        let argument = arguments[index]
        return argument.extracting(0..<min(argument.count, bytesMax)).withUnsafeBufferPointer {
            String(decoding: $0, as: UTF8.self)
        }
    }
}
