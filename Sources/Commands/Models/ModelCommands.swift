import Access
import Features
import Forest
import Foundation
import Metrics
package import Models
import Reading
import Serving
import Store
import Training
import Wire

extension CommandTable {
    /// ML.PREDICT and what there is to know and to move of models.
    static let modelCommands: [Command] = [
        PredictionCommand.predict, ModelCommands.models, ModelCommands.model, ModelCommands.stats,
        ModelCommands.history, DriftCommand.drift,
        ModelFlips.alias, ModelFlips.rollback,
    ]
}

/// What there is to know of models.
enum ModelCommands {
    static let models = Command(
        "ml.models",
        arity: 1,
        summary: "The models, with the version that answers for each and how often it has.",
        group: .models,
        complexity: "O(models)",
        flags: [.readonly],
        run: { context, arguments in
            let client = context.client
            return answer(&context) { catalog, reply throws(CommandFault) in
                let entries = client.readable(catalog.models)
                reply.array(entries.count)
                for entry in entries {
                    let champion = entry.champion.flatMap { entry.ready($0) }
                    reply.map(6)
                    reply.bulk("model")
                    reply.bulk(entry.name)
                    reply.bulk("task")
                    reply.bulk(entry.definition?.task.rawValue ?? champion?.version.signature.task.rawValue ?? "")
                    reply.bulk("service")
                    reply.bulk(entry.definition?.service ?? champion?.version.service ?? "")
                    reply.bulk("champion")
                    number(entry.champion, &reply)
                    reply.bulk("versions")
                    reply.array(entry.versions.count)
                    for version in entry.versions { reply.integer(Int64(version)) }
                    reply.bulk("calls")
                    reply.integer(Int64(entry.versions.reduce(0) { $0 + (entry.ready($1)?.counters.now.calls ?? 0) }))
                }
            }
        }
    )

    static let model = Command(
        "ml.model",
        arity: 2,
        summary: "A version of a model: what it reads, what it says, where it comes from.",
        group: .models,
        complexity: "O(columns)",
        flags: [.readonly],
        arguments: [ArgumentSpec("model")],
        run: { context, arguments in
            let name = arguments.text(1)
            return answer(&context) { catalog, reply throws(CommandFault) in
                let (entry, model, _) = try catalog.model(name)
                let version = model.version
                let names = entry.aliases.filter { $0.value.version == version.version }.keys.sorted()
                reply.map(20)
                reply.bulk("model")
                reply.bulk(entry.name)
                reply.bulk("version")
                reply.integer(Int64(version.version))
                reply.bulk("publish")
                number(model.publish?.number, &reply)
                reply.bulk("state")
                reply.bulk(version.state.rawValue)
                reply.bulk("engine")
                reply.bulk(version.algorithm)
                reply.bulk("service")
                reply.bulk("\(version.service)@\(version.serviceVersion)")
                reply.bulk("schema")
                reply.bulk(version.fingerprint)
                reply.bulk("columns")
                texts(version.signature.inputs.map(\.name), &reply)
                reply.bulk("features")
                texts(version.signature.featureNames, &reply)
                reply.bulk("fallback")
                reply.bulk(version.fallback(under: entry.definition).text)
                reply.bulk("classes")
                texts(version.signature.classes, &reply)
                reply.bulk("aliases")
                texts(names, &reply)
                reply.bulk("position")
                reply.integer(version.position)
                reply.bulk("committed_at")
                reply.integer(version.committedUs)
                reply.bulk("metrics")
                reply.bulk(version.metrics)
                reply.bulk("trees")
                reply.integer(Int64(model.forest.treeCount))
                reply.bulk("bytes")
                reply.integer(Int64(model.forest.byteCount))
                reply.bulk("artifact")
                reply.bulk(version.artifact.map { String(format: "%02x", $0) }.joined())
                let origin = version.origin
                reply.bulk("training_set")
                if let set = origin.trainingSet { reply.bulk(set) } else { reply.null() }
                reply.bulk("library")
                if let library = origin.library { reply.bulk(library) } else { reply.null() }
            }
        }
    )

    static let stats = Command(
        "ml.stats",
        arity: -2,
        summary: "What a version of a model has answered since the server has it, and how fast, in µs.",
        group: .models,
        complexity: "O(1)",
        flags: [.readonly],
        arguments: [ArgumentSpec("model"), ArgumentSpec("reset", .token, token: "RESET", isOptional: true)],
        argumentsMax: 3,
        run: { context, arguments in
            let name = arguments.text(1)
            let resets = arguments.count > 2
            guard !resets || arguments.matches(2, "RESET") else {
                context.reply.fault(.unknownOption(arguments.text(2), command: "ml.stats", expected: "RESET"))
                return .replied
            }
            return answer(&context) { catalog, reply throws(CommandFault) in
                let entry = catalog.models.entries[ModelReference(name).model]
                var model: ServedModel?
                do throws(CommandFault) { model = try catalog.model(name).model } catch {
                    // What is not ready here is told, too.
                    guard error.code == .notReady, entry != nil else { throw error }
                }
                let counts = model?.counters.now ?? PredictionCounters.Counts()
                reply.map(15)
                reply.bulk("version")
                number(model?.version.version, &reply)
                for (name, value) in [
                    ("calls", counts.calls), ("rows", counts.rows), ("errors", counts.errors),
                    ("fallback", counts.fallback), ("unseen", counts.unseen), ("cache_hits", counts.cacheHits),
                    ("cache_misses", counts.cacheMisses), ("logged", counts.logged),
                    ("log_dropped", counts.logDropped), ("log_cut", counts.logCut),
                ] {
                    reply.bulk(name)
                    reply.integer(Int64(value))
                }
                for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)] {
                    reply.bulk(name)
                    number(model?.counters.quantile(share), &reply)
                }
                reply.bulk("not_ready")
                texts(entry?.notReady.map(\.reason) ?? [], &reply)
                if resets { model?.counters.reset() }
            }
        }
    )

    static let history = Command(
        "ml.history",
        arity: -2,
        summary: "What happened to a model, newest first.",
        group: .models,
        complexity: "one look-up in PostgreSQL",
        flags: [.readonly],
        arguments: [ArgumentSpec("model"), ArgumentSpec("count", .integer, token: "COUNT", isOptional: true)],
        argumentsMax: 4,
        run: { context, arguments in
            do throws(CommandFault) {
                let writes = try FeatureWrites.of(context)
                let name = arguments.text(1)
                var limit: Int64 = 100
                if arguments.count > 2 {
                    guard arguments.matches(2, "COUNT") else {
                        throw .unknownOption(arguments.text(2), command: "ml.history", expected: "COUNT n")
                    }
                    limit = try ReplyOptions.number(arguments, 3, "COUNT", expected: "COUNT n")
                }
                let catalog = writes.source.catalog()
                guard catalog.models.entries[name] != nil else {
                    throw .unknownModel(name, known: Array(catalog.models.entries.keys))
                }
                let count = Int(min(limit, 10_000))
                return .deferred(
                    HistoryCommands.deferred(writes, context.reply.version, of: context.client.asker) {
                        session throws(StoreError) in
                        try ModelRegistry(session).history(of: name, limit: count)
                    } reply: { events, reply in
                        reply.array(events.count)
                        for event in events where !reply.isRefused {
                            reply.array(8)
                            reply.integer(event.position)
                            reply.integer(event.committedUs)
                            reply.bulk(event.kind)
                            if let alias = event.alias { reply.bulk(alias) } else { reply.null() }
                            number(event.from?.version, &reply)
                            number(event.to?.version, &reply)
                            reply.bulk(event.role)
                            if let reason = event.reason { reply.bulk(reason) } else { reply.null() }
                        }
                    }
                )
            } catch {
                context.fail(error)
                return .replied
            }
        }
    )

    private static func answer(
        _ context: inout CommandContext,
        _ body: (Catalog, inout ReplyWriter) throws(CommandFault) -> Void
    ) -> CommandOutcome {
        do throws(CommandFault) {
            guard let reads = context.engine.reads else { throw .stillLoading }
            try body(reads.source.catalog(), &context.reply)
        } catch {
            context.fail(error)
        }
        return .replied
    }

    static func number(_ value: Int?, _ reply: inout ReplyWriter) {
        if let value { reply.integer(Int64(value)) } else { reply.null() }
    }

    private static func texts(_ texts: [String], _ reply: inout ReplyWriter) {
        reply.array(texts.count)
        for text in texts { reply.bulk(text) }
    }
}

extension CommandFault {
    package init(_ error: ModelsError) {
        let text = Self.oneLine("\(error)")
        switch error {
        case .store(let error): self.init(error)
        // Its hint has names that not everybody may know: see Catalog.model(_:).
        case .noModel(let name, _): self.init(.noModel, "no model \(Self.quoted(name))")
        case .noVersion, .noAlias: self.init(.noVersion, text)
        case .conflict: self.init(.modelConflict, text)
        case .notReady: self.init(.notReady, text)
        case .request, .artifact: self.init(.general, text)
        }
    }
}
