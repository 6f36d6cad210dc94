import Drift
package import Features
import Forest
package import Models
import Store

/// The models that a server answers by, at one position: a part of its catalog, so that a flip is a new catalog.
package struct ModelShelf: Sendable {
    /// What became of a version here.
    enum Slot: Sendable {
        case ready(ServedModel)
        /// Why it does not answer on this server.
        case notReady(String)
        /// Newer ones are kept instead.
        case notKept
    }

    package struct Entry: Sendable {
        package let name: String
        /// `nil` = it is defined no more, its versions still answer.
        package let definition: ModelDefinition?
        /// What each name stands for in the store.
        package let aliases: [String: ModelTarget]
        /// What each name answers by here: the version before, where the one that it stands for is not ready.
        let answering: [String: ModelTarget]
        /// Each version with the newest weights that it has published.
        var slots: [Int: Slot]
        /// Publishes that names stand for.
        var pins: [ModelTarget: Slot]
        /// All numbers that there are, ascending.
        package let versions: [Int]
        /// The newest flip that is applied here: those of names whose version is not ready are not.
        package let position: Int64

        /// Versions that are not ready here, with the reason.
        package var notReady: [(version: Int, reason: String)] {
            slots.compactMap { number, slot in
                if case .notReady(let reason) = slot { return (number, reason) }
                return nil
            }.sorted { $0.version < $1.version }
        }

        /// All versions that are ready here.
        package var served: [ServedModel] {
            slots.values.compactMap { if case .ready(let model) = $0 { model } else { nil } }
        }

        package func ready(_ version: Int) -> ServedModel? {
            if case .ready(let model)? = slots[version] { return model }
            return nil
        }

        /// `nil` = there is no version yet.
        var known: ClosedRange<Int>? {
            guard let first = versions.first, let last = versions.last else { return nil }
            return first...last
        }

        /// The version that answers for the champion here.
        package var champion: Int? { answering[ModelRegistry.champion]?.version }

        func slot(_ target: ModelTarget) -> Slot? {
            guard let number = target.publish else { return slots[target.version] }
            if let pinned = pins[target] { return pinned }
            if case .ready(let model)? = slots[target.version], model.publish?.number == number {
                return slots[target.version]
            }
            return nil
        }
    }

    /// By name.
    package private(set) var entries: [String: Entry] = [:]

    /// Answers of static tasks; goes on from shelf to shelf.
    private let answers: AnswerCache

    package static let empty = ModelShelf()

    private init() { answers = AnswerCache() }

    /// Reads what the store has; files of versions that are known already are not read again.
    ///
    /// - Parameters:
    ///   - session: in a transaction, whose snapshot is the state.
    ///   - old: the shelf so far.
    init(_ session: Session, replacing old: ModelShelf, _ definitions: Definitions) throws(StoreError) {
        answers = old.answers
        let registry = ModelRegistry(session)
        var versions: [String: [ModelVersion]] = [:]
        for version in try registry.versions() { versions[version.model, default: []].append(version) }
        for definition in definitions.models where versions[definition.name] == nil { versions[definition.name] = [] }
        if versions.isEmpty { return }
        let (allAliases, flips) = (try registry.aliases(), try registry.lastFlips())
        let published = try registry.newestPublishes()
        for (name, versions) in versions {
            let known = old.entries[name]
            let aliases = allAliases[name] ?? [:]
            // Names' targets always, of the others the newest ones.
            let newest = versions.filter { $0.state != .retired }.suffix(ServingLimits.modelVersionsMax)
            var slots: [Int: Slot] = [:]
            let named = Set(aliases.values.map(\.version))
            for version in versions where version.state != .retired || named.contains(version.version) {
                let isWanted = named.contains(version.version) || newest.contains { $0.version == version.version }
                guard isWanted else {
                    slots[version.version] = .notKept
                    continue
                }
                if case .ready(let model)? = known?.slots[version.version], model.version.artifact == version.artifact {
                    slots[version.version] = .ready(model)
                } else if case .notReady(let reason)? = known?.slots[version.version] {
                    // What a version is never changes.
                    slots[version.version] = .notReady(reason)
                } else {
                    slots[version.version] = try Self.load(version, registry, answers)
                }
            }
            var pins = try Self.pins(aliases, slots, known, registry)
            var isPublished = true
            for (version, newest) in published[name] ?? [:] {
                guard let slot = slots[version], case .ready = slot else { continue }
                // Weights that are not whole leave those before in place.
                if case .ready(let model) = try Self.published(newest, slot, registry) {
                    slots[version] = .ready(model)
                } else {
                    isPublished = false
                }
            }
            var answering: [String: ModelTarget] = [:]
            for (alias, target) in aliases {
                if case .ready? = target.publish == nil ? slots[target.version] : pins[target] {
                    answering[alias] = target
                } else if let known, let before = known.answering[alias],
                    let kept = before.publish == nil ? known.slots[before.version] : known.pins[before],
                    case .ready = kept
                {
                    answering[alias] = before
                    if before.publish != nil {
                        pins[before] = kept
                    } else if case .ready? = slots[before.version] {
                        // With weights that may be newer.
                    } else {
                        slots[before.version] = kept
                    }
                }
            }
            let isApplied = isPublished && aliases.allSatisfy { answering[$0.key] == $0.value }
            let position = isApplied ? flips[name] ?? 0 : known?.position ?? 0
            entries[name] = Entry(
                name: name,
                definition: definitions.model(named: name),
                aliases: aliases,
                answering: answering,
                slots: slots,
                pins: pins,
                versions: versions.map(\.version),
                position: position
            )
        }
    }

    /// Publishes that names stand for, by the versions as they are known so far.
    private static func pins(
        _ aliases: [String: ModelTarget],
        _ slots: [Int: Slot],
        _ known: Entry?,
        _ registry: ModelRegistry
    ) throws(StoreError) -> [ModelTarget: Slot] {
        var pins: [ModelTarget: Slot] = [:]
        for target in aliases.values {
            guard let number = target.publish, pins[target] == nil else { continue }
            if case .ready(let model)? = known?.pins[target] {
                pins[target] = .ready(model)
            } else if let slot = slots[target.version] {
                pins[target] = try published(number, slot, registry)
            }
        }
        return pins
    }

    /// A version with the weights of a publish: only what changed since those that it has is read.
    private static func published(
        _ number: Int,
        _ slot: Slot,
        _ registry: ModelRegistry
    ) throws(StoreError) -> Slot {
        guard case .ready(let now) = slot, now.publish?.number != number else { return slot }
        let version = now.version
        guard let publish = try registry.publish(version.model, version.version, number) else { return slot }
        do throws(ModelsError) {
            let known = now.publish.flatMap { last in now.forest.sparse.map { (seq: last.seq, model: $0) } }
            let forest = try registry.published(publish, of: version, base: now.forest, known: known)
            return .ready(ServedModel(ReadyModel(now.model, forest), publish: publish, of: now))
        } catch {
            if case .store(let error) = error { throw error }
            return .notReady("\(error)")
        }
    }

    private static func load(
        _ version: ModelVersion,
        _ registry: ModelRegistry,
        _ answers: AnswerCache
    ) throws(StoreError) -> Slot {
        let prefix = "version \(version.version) of \(version.model)"
        do throws(ModelsError) {
            let forest: Forest
            do { forest = try Forest(bytes: try registry.file(version)) } catch let error as ForestError {
                return .notReady("\(prefix): \(error)")
            } catch let error as ModelsError {
                throw error
            } catch {
                return .notReady("\(prefix): \(error)")
            }
            let golden: GoldenRows?
            do { golden = try registry.golden(version) } catch { throw .store(error) }
            if let difference = golden?.difference(forest) { return .notReady("\(prefix) \(difference)") }
            let reference: ReferenceHistograms?
            do { reference = try registry.reference(version) } catch { throw .store(error) }
            return .ready(ServedModel(ReadyModel(version, forest), reference, answers))
        } catch {
            if case .store(let error) = error { throw error }
            return .notReady("\(error)")
        }
    }

    /// What `model`, `model@7` or `model@challenger` answers by.
    /// - Returns: the version, and whether a name other than champion or a number was given.
    /// - Throws: as ``ModelRegistry/resolve(_:)``, without names of other models; ``ModelsError/notReady(_:)``.
    package func resolve(
        _ text: String
    ) throws(ModelsError) -> (entry: Entry, model: ServedModel, route: String) {
        let reference = ModelReference(text)
        let name = reference.model
        guard let entry = entries[name] else {
            throw .noModel(name: name, hint: "")
        }
        let (answering, route): (ModelTarget, String)
        switch reference.version {
        case .target(let asked):
            guard entry.versions.contains(asked.version) else {
                throw .noVersion(model: name, version: asked.version, known: entry.known)
            }
            (answering, route) = (asked, "pinned")
        case .alias(let alias):
            guard entry.known != nil else { throw .noVersion(model: name, version: 1, known: nil) }
            guard let target = entry.aliases[alias] else { throw .noAlias(model: name, alias: alias) }
            (answering, route) = (entry.answering[alias] ?? target, alias)
        }
        let number = answering.version
        switch entry.slot(answering) {
        case .ready(let model)?: return (entry, model, route)
        case .notReady(let reason)?: throw .notReady(reason)
        case .notKept?:
            throw .notReady(
                "version \(number) of \(name) is not kept in memory: \(ServingLimits.modelVersionsMax) newer ones are; a name that stands for it changes that"
            )
        case nil:
            throw .notReady(
                answering.publish == nil
                    ? "version \(number) of \(name) is retired"
                    : "\(name)@\(answering.text) is not kept in memory: of a version that learns the newest publish is, and those that names stand for"
            )
        }
    }
}
