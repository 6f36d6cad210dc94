import Access
import Columnar
import Features
import PointInTime
import Serving
import Store
import Wire

/// FS.WRITE: points of line protocol, decoded as `asof ingest` decodes them.
enum LineCommand {
    static let write = Command(
        "fs.write",
        arity: -2,
        summary:
            "Stores points of line protocol in the views that they name: all of them or, with PARTIAL, the good ones.",
        group: .features,
        complexity: "O(bytes) and a commit in PostgreSQL that concurrent writes share",
        flags: [.write],
        arguments: [
            ArgumentSpec("lines"),
            ArgumentSpec(
                "precision",
                .oneOf,
                token: "PRECISION",
                isOptional: true,
                parts: ["s", "ms", "us", "ns"].map { ArgumentSpec($0, .token, token: $0) }
            ),
            ArgumentSpec("partial", .token, token: "PARTIAL", isOptional: true),
            SourceOption.spec, ArgumentSpec("early", .token, token: "ALLOW1970", isOptional: true),
            ArgumentSpec("extra", .token, token: "IGNORE", isOptional: true),
        ],
        requestBytesMax: WireLimits.requestBytesMax,
        loggedMax: 1,
        prepare: { context, arguments in prepared(&context, arguments) },
        unread: { arguments in PreparedWrite(unread: number(arguments)) },
        run: { context, arguments in
            guard let write = prepared(&context, arguments) else { return .replied }
            return .deferred(write.deferred(context))
        }
    )

    private static func prepared(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> PreparedWrite? {
        var source: SourceSequence?
        do throws(CommandFault) {
            let options = try LineOptions(arguments)
            source = options.source
            try context.writeAllowance?.check()
            let writes = try FeatureWrites.of(context)
            let catalog = writes.source.catalog()
            var builders = writes.lineRows(catalog, options)
            if let caller = context.client.caller, caller.rights != nil {
                builders.refusal = { caller.refusal(.write, .view, $0.span, of: "fs.write") }
            }
            let decoding = LineDecoding(
                catalog: catalog,
                builders: builders,
                options: options,
                now: writes.source.now(),
                told: { [hooks = context.engine.hooks] in hooks.told($0) }
            )
            let lines = arguments[1]
            var allowance = context.writeAllowance ?? WriteAllowance()
            defer { if context.writeAllowance != nil { context.writeAllowance = allowance } }
            if lines.count <= CommandLimits.inlineBytesMax,
                let bytesMax = allowance.inlineValueBytes(ofText: lines.count)
            {
                let decoded = try decoding.decode(lines, valueBytesMax: bytesMax, within: allowance)
                allowance.takeInline(ofText: lines.count, decoded)
                if let decoded {
                    allowance.take(decoded)
                    return PreparedWrite(decoded)
                }
            }
            guard lines.count <= ServingLimits.writeBytesMax else {
                throw CommandFault(
                    .limit,
                    "\(lines.count) bytes of lines; \(ServingLimits.writeBytesMax) are allowed in one FS.WRITE"
                )
            }
            try allowance.take(textBytes: lines.count)
            let bytes = lines.withUnsafeBufferPointer { Array($0) }
            return PreparedWrite(byteCount: bytes.count, source: source) { allowance in
                do throws(CommandFault) {
                    return .success(try decoding.decode(bytes.span, within: allowance))
                } catch { return .failure(error) }
            }
        } catch {
            if let source = source ?? number(arguments) {
                return PreparedWrite(refused: context.engine.hooks.told(error), source: source)
            }
            context.fail(error)
            return nil
        }
    }

    /// The number of a write that is refused before its options were understood.
    private static func number(_ arguments: borrowing Arguments) -> SourceSequence? {
        SourceOption.number(in: arguments, from: 2, areCapitals: false)
    }
}

/// What stands behind FS.WRITE's lines.
struct LineOptions: Sendable {
    var precision = TimeUnit.ns
    var isPartial = false
    var allowsEarly1970 = false
    /// Leaves out tags and fields that their views do not have.
    var ignoresExtra = false
    var source: SourceSequence?

    private static let expected = "PRECISION s|ms|us|ns, PARTIAL, SOURCE name SEQ n, ALLOW1970, IGNORE"

    init(_ arguments: borrowing Arguments) throws(CommandFault) {
        var index = 2
        var option = SourceOption()
        while index < arguments.count {
            if arguments.matches(index, "PARTIAL") {
                isPartial = true
                index += 1
                continue
            }
            if arguments.matches(index, "ALLOW1970") {
                allowsEarly1970 = true
                index += 1
                continue
            }
            if arguments.matches(index, "IGNORE") {
                ignoresExtra = true
                index += 1
                continue
            }
            let isPrecision = arguments.matches(index, "PRECISION")
            let isSource = arguments.matches(index, "SOURCE")
            guard isPrecision || isSource || arguments.matches(index, "SEQ") else {
                throw .unknownOption(arguments.text(index), command: "fs.write", expected: Self.expected)
            }
            guard index + 1 < arguments.count else {
                throw .cutOff(arguments.text(index).uppercased(), expected: Self.expected)
            }
            if isPrecision {
                let text = arguments.text(index + 1)
                guard let unit = TimeUnit(rawValue: text.lowercased()) else {
                    throw CommandFault(.time, "PRECISION \(CommandFault.quoted(text)): expected s, ms, us or ns")
                }
                precision = unit
            } else {
                try option.take(arguments, isName: isSource, at: index)
            }
            index += 2
        }
        source = try option.finish()
    }
}
