import Columnar
import Features
import PointInTime
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
            ArgumentSpec(
                "once",
                .block,
                isOptional: true,
                parts: [ArgumentSpec("source", token: "SOURCE"), ArgumentSpec("seq", .integer, token: "SEQ")]
            ),
        ],
        prepare: { context, arguments in prepared(&context, arguments) },
        run: { context, arguments in
            guard let write = prepared(&context, arguments) else { return .replied }
            return .deferred(write.deferred(context))
        }
    )

    /// Longer texts are decoded on a thread of the writer's.
    static let inlineBytesMax = 16 << 10

    private static func prepared(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> PreparedWrite? {
        do throws(CommandFault) {
            let options = try LineOptions(arguments)
            let writes = try FeatureWrites.of(context)
            let catalog = writes.source.catalog()
            let decoding = LineDecoding(
                catalog: catalog,
                builders: writes.lineRows(catalog, options.precision),
                options: options,
                now: writes.source.now()
            )
            let lines = arguments[1]
            if lines.count <= inlineBytesMax {
                return PreparedWrite(work: .decoded(try decoding.decode(lines)))
            }
            guard lines.count <= Limits.writeBytesMax else {
                throw CommandFault(
                    .limit,
                    "\(lines.count) bytes of lines; \(Limits.writeBytesMax) are allowed in one FS.WRITE"
                )
            }
            let bytes = lines.withUnsafeBufferPointer { Array($0) }
            return PreparedWrite(
                work: .undecoded(byteCount: bytes.count) {
                    do throws(CommandFault) {
                        return .success(try decoding.decode(bytes.span))
                    } catch { return .failure(error) }
                }
            )
        } catch {
            context.reply.fault(error)
            return nil
        }
    }
}

/// What stands behind FS.WRITE's lines.
struct LineOptions: Sendable {
    var precision = TimeUnit.ns
    var isPartial = false
    var source: SourceSequence?

    private static let expected = "PRECISION s|ms|us|ns, PARTIAL, SOURCE name SEQ n"

    init(_ arguments: borrowing Arguments) throws(CommandFault) {
        var index = 2
        var name: String?
        var sequence: Int64?
        while index < arguments.count {
            if arguments.matches(index, "PARTIAL") {
                isPartial = true
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
            let text = arguments.text(index + 1)
            if isPrecision {
                guard let unit = TimeUnit(rawValue: text.lowercased()) else {
                    throw CommandFault(.time, "PRECISION \(CommandFault.quoted(text)): expected s, ms, us or ns")
                }
                precision = unit
            } else if isSource {
                name = try Self.source(arguments[index + 1])
            } else {
                guard let number = try? ValueText.int64(arguments[index + 1]), number >= 0 else {
                    throw CommandFault(
                        .value,
                        "SEQ \(CommandFault.quoted(text)): expected an integer that is not negative"
                    )
                }
                sequence = number
            }
            index += 2
        }
        guard (name == nil) == (sequence == nil) else {
            throw CommandFault(
                .general,
                "SOURCE and SEQ go together: a source numbers its writes, each greater than the last"
            )
        }
        if let name, let sequence { source = SourceSequence(source: name, sequence: sequence) }
    }

    private static func source(_ text: Span<UInt8>) throws(CommandFault) -> String {
        do throws(ValueTextError) {
            guard text.count > 0, text.count <= Limits.writeSourceBytesMax else {
                throw .tooLong(bytes: text.count)
            }
            try ValueText.checkString(text)
        } catch {
            throw CommandFault(
                .value,
                "SOURCE: expected 1 to \(Limits.writeSourceBytesMax) bytes of UTF-8 without U+0000, got \(text.count) bytes"
            )
        }
        return text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}
