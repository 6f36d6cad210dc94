import Features
import Foundation
package import PointInTime
package import Segments
package import Store

/// What is to be joined, for engines beside Asof that read segments: `asof export --spec-only`. docs/reference/segments-format.md
/// says what it means; a set that was made by it has a manifest with the same words.
package struct JoinSpecification: Encodable, Sendable {
    package static let formatName = "asof-spec/1"

    let format = Self.formatName
    let store: TrainingSetManifest.StoreReference
    let features: String
    let service: TrainingSetManifest.ServiceReference?
    let fingerprint: String
    let rules: String
    let labelTime: String
    let roles: [Role]
    let columns: [TrainingSetManifest.Column]
    /// What only expressions use.
    let inputs: [TrainingSetManifest.Column]?
    let segments: Files

    /// A view in one of its roles, with the rules in force.
    struct Role: Encodable, Sendable {
        let view: String
        let prefix: String
        let keys: [KeyMapping]
        let ttl: String?
        let ttlUs: Int64?
        let delay: String
        let delayUs: Int64
        let strict: Bool
        /// Of a view of windows: the view whose events they are of, which stands among the files.
        let events: String?
    }

    struct Files: Encodable, Sendable {
        /// As the store's program was told: a path or an address of object storage.
        let directory: String
        let id: String
        let views: [View]
    }

    struct View: Encodable, Sendable {
        let name: String
        let keys: [Key]
        /// Of a view of events: the type of its `_event`.
        let event: String?
        let features: [Feature]
        let files: [File]
    }

    struct Key: Encodable, Sendable {
        let name: String
        let type: String
    }

    struct Feature: Encodable, Sendable {
        let id: Int32
        let name: String
        let type: String
    }

    struct File: Encodable, Sendable {
        /// Below the directory.
        let file: String
        let bytes: Int64
        let rows: Int64
        let etag: String?
        let sha256: String
        /// The file has its partition's rows up to there.
        let position: Int64
        let minEventTime: String
        let maxEventTime: String
        /// Of the features those that are in the file; the others are null in it.
        let features: [String]
    }

    package var json: String {
        get throws(StoreError) { try JSONDocument.encode(self, isPretty: true) + "\n" }
    }

    /// - Throws: ``StoreError/request(_:)`` where the files do not reach the state, with the command that makes them.
    package init(
        _ plan: FeaturePlan,
        features: String,
        service: TrainingSetManifest.ServiceReference?,
        labelTime: String,
        at state: LedgerState,
        in directory: SegmentDirectory,
        format: some SegmentFormat,
        _ session: Session
    ) throws(StoreError) {
        store = TrainingSetManifest.StoreReference(
            id: try session.storeID(),
            position: state.position,
            uid: state.uid,
            committedAt: state.committedAt.map { Timestamp(microseconds: $0).text }
        )
        self.features = features
        self.service = service
        fingerprint = ServiceDefinition.schemaFingerprint(of: plan.columns)
        rules = plan.rules.fingerprint
        self.labelTime = labelTime
        roles = plan.roles.map { role in
            let definition = role.view.definition
            return Role(
                view: definition.name,
                prefix: role.prefix,
                keys: zip(definition.keys, role.keyColumns).map { KeyMapping(viewKey: $0.name, from: $1) },
                ttl: definition.ttl?.text,
                ttlUs: definition.ttl?.microseconds,
                delay: definition.delay.text,
                delayUs: definition.delay.microseconds,
                strict: definition.isStrict,
                events: role.windows?.events.name
            )
        }
        columns = plan.columns.map { TrainingSetManifest.Column($0) }
        inputs = plan.inputs.isEmpty ? nil : plan.inputs.map { TrainingSetManifest.Column(.feature($0)) }
        var views: [View] = []
        for role in plan.roles {
            let view = role.windows?.events ?? role.view
            guard !views.contains(where: { $0.name == view.name }) else { continue }
            views.append(try Self.view(view, plan, at: state, in: directory, format: format, session))
        }
        segments = Files(directory: directory.root, id: directory.id, views: views)
    }

    private static func view(
        _ view: StoredView,
        _ plan: FeaturePlan,
        at state: LedgerState,
        in directory: SegmentDirectory,
        format: some SegmentFormat,
        _ session: Session
    ) throws(StoreError) -> View {
        let stored = plan.roles.filter { $0.windows == nil && $0.view.name == view.name }
        let asked = Set(stored.flatMap(\.features).map(\.name))
        let isWindowed = plan.roles.contains { $0.windows?.events.name == view.name }
        // Of events the definitions of windows say what is read of them; whoever reads those reads all that there is.
        let features = view.definition.features.filter { isWindowed || asked.contains($0.name) }
        let coverage = try SegmentCoverage(
            view,
            features: features.map(\.name),
            at: state,
            in: directory,
            format: format,
            session
        )
        guard coverage.gaps.isEmpty else {
            throw .request(
                "segments of view '\(view.name)' reach position \(coverage.position), and the state that is asked for is position "
                    + "\(state.position): \(coverage.gaps.joined(separator: "; ")); "
                    + "run `asof segments build --tail-rows 0 \(view.name)`"
                    + (coverage.position < state.position ? ", or say --position \(coverage.position)" : "")
            )
        }
        return View(
            name: view.name,
            keys: view.storageKeys.map { Key(name: $0.name, type: $0.type.rawValue) },
            event: view.eventKey?.type.rawValue,
            features: zip(coverage.features, features).map { Feature(id: $0.id, name: $0.name, type: $1.type.text) },
            files: coverage.files.map { segment in
                File(
                    file: segment.file,
                    bytes: segment.written.bytes,
                    rows: segment.rows,
                    etag: segment.written.etag.isEmpty ? nil : segment.written.etag,
                    sha256: ContentDigest.hex(segment.sha256),
                    position: segment.state.position,
                    minEventTime: segment.eventTimes.lowerBound.text,
                    maxEventTime: segment.eventTimes.upperBound.text,
                    features: coverage.features.filter { segment.features.contains($0) }.map(\.name)
                )
            }
        )
    }
}
