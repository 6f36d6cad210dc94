import Expressions
package import Features
import Foundation
package import PointInTime
import Postgres
package import Store

/// What a training set is, so that it can be made again and compared: the JSON next to it and in `asof.training_sets`.
package struct TrainingSetManifest: Codable, Sendable, Hashable {
    package var format: String
    package var createdAt: String
    /// Who joined, where it was not Asof: `spark`. The set is the same, and is verified as any other.
    package var engine: String?
    package var store: StoreReference
    /// What `--features` said.
    package var features: String
    package var service: ServiceReference?
    /// The schema fingerprint of the feature columns.
    package var fingerprint: String
    /// ``ServiceRules/fingerprint`` of ``roles``; `nil` in manifests of older binaries.
    package var rules: String?
    package var labelTime: String
    /// The spine's column of each row's own position; `nil` = all rows read the store's state above.
    package var positionColumn: String?
    package var knownAtLabel: Bool
    package var witness: Bool
    /// As ``TrainingSetSpec/isServed``; `nil` = no, as in manifests of older binaries.
    package var served: Bool?
    /// As ``TrainingSetSpec/atColumn``.
    package var atColumn: String?
    package var roles: [Role]
    package var columns: [Column]
    /// What only expressions use, see ``ServiceDefinition/inputs``; `nil` = nothing.
    package var inputs: [Column]?
    /// By what derived columns were computed beside Asof itself; `nil` = there are none.
    package var platform: Platform?
    package var spine: Spine
    package var output: Output
    package var rows: Int
    package var contentDigest: String
    /// What tells which rows a file lost, gained or exchanged; `nil` in manifests of older binaries.
    package var rowMarks: RowMarks?
    /// `nil` in manifests of older binaries.
    package var quality: TrainingSetQuality?

    package static let formatName = "asof-manifest/1"
    /// Of sets with columns that are no features, or that are read as a server reads: older binaries would make others.
    package static let computedFormatName = "asof-manifest/2"

    /// The state that was read: (position, uid) names it beyond doubt.
    package struct StoreReference: Codable, Sendable, Hashable {
        package var id: String
        package var position: Int64
        package var uid: String?
        package var committedAt: String?
    }

    package struct ServiceReference: Codable, Sendable, Hashable {
        package var name: String
        package var version: Int

        package init(name: String, version: Int) {
            self.name = name
            self.version = version
        }
    }

    /// A view as it was used, with the rules that were in force then.
    package struct Role: Codable, Sendable, Hashable {
        package var view: String
        package var prefix: String
        package var keys: [KeyMapping]
        package var ttl: String?
        package var delay: String
        package var strict: Bool
        package var matched: Int
        package var missing: Int
        package var expired: Int
    }

    /// A feature has a view, prefix and feature; a request field its name; a derived column its name, expression, and how
    /// many rows are null since PostgreSQL would raise an error there.
    package struct Column: Codable, Sendable, Hashable {
        package var name: String
        package var type: String
        package var view: String?
        package var prefix: String?
        package var feature: String?
        package var request: String?
        package var derive: String?
        package var from: String?
        package var errors: Int?
        /// What a feature of a window view is computed of: the window, and the view of events.
        package var window: String?
        package var events: String?
    }

    /// The libraries whose functions and rules expressions use.
    package struct Platform: Codable, Sendable, Hashable {
        package var libm: String
        package var tzdata: String

        package static let current = Platform(libm: ExpressionVersion.libm, tzdata: ExpressionVersion.tzdata)

        var text: String { "libm \(libm) and tzdata \(tzdata)" }
    }

    package struct Spine: Codable, Sendable, Hashable {
        package var source: String
        package var columns: [SpineColumn]
        package var digest: String
    }

    package struct SpineColumn: Codable, Sendable, Hashable {
        package var name: String
        package var type: String
    }

    package struct Output: Codable, Sendable, Hashable {
        /// The file's name, in the manifest's folder.
        package var file: String
        package var format: String
        /// Where ``file`` is a folder: the names of the files in it, whose rows follow one another.
        package var parts: [String]?

        package init(file: String, format: String) {
            self.file = file
            self.format = format
        }
    }

    package var json: String {
        get throws(StoreError) { try JSONDocument.encode(self, isPretty: true) + "\n" }
    }

    /// - Throws: ``StoreError/request(_:)`` where the text is no manifest that this binary understands.
    package init(json: String, path: String) throws(StoreError) {
        struct Header: Decodable { var format: String }
        let data = Data(json.utf8)
        guard let header = try? JSONDecoder().decode(Header.self, from: data) else {
            throw .request("\(path) is no manifest: it is no JSON object with a 'format'")
        }
        guard header.format == Self.formatName || header.format == Self.computedFormatName else {
            throw .request(
                "\(path) has format '\(header.format)'; this binary reads \(Self.formatName) and \(Self.computedFormatName)"
            )
        }
        do { self = try JSONDecoder().decode(TrainingSetManifest.self, from: data) } catch {
            throw .request("\(path) is a damaged manifest: \(error)")
        }
    }

    /// - Parameters:
    ///   - join: a finished join.
    package init(
        _ join: TrainingSetJoin,
        storeID: String,
        features: String,
        service: ServiceReference?,
        spineSource: String,
        output: Output
    ) {
        let spec = join.spec
        let isComputed =
            spec.isServed || spec.plan.columns.contains { $0.feature == nil }
            || spec.plan.roles.contains { $0.windows != nil }
        format = isComputed ? Self.computedFormatName : Self.formatName
        createdAt = Timestamp.now.text
        store = StoreReference(
            id: storeID,
            position: spec.state.position,
            uid: spec.state.uid,
            committedAt: spec.state.committedAt.map { Timestamp(microseconds: $0).text }
        )
        self.features = features
        self.service = service
        fingerprint = ServiceDefinition.schemaFingerprint(of: spec.plan.columns)
        rules = spec.plan.rules.fingerprint
        labelTime = spec.labelTime
        positionColumn = spec.positionColumn
        knownAtLabel = spec.options.knownAtLabel
        witness = spec.options.witness
        served = spec.isServed ? true : nil
        atColumn = spec.atColumn
        roles = zip(spec.plan.roles, join.counts).map { role, counts in
            let definition = role.view.definition
            return Role(
                view: definition.name,
                prefix: role.prefix,
                keys: zip(definition.keys, role.keyColumns).map { KeyMapping(viewKey: $0.name, from: $1) },
                ttl: definition.ttl?.text,
                delay: definition.delay.text,
                strict: definition.isStrict,
                matched: counts.matched,
                missing: counts.missing,
                expired: counts.expired
            )
        }
        var errors = join.derivedErrors[...]
        columns = spec.plan.columns.map { column in
            var described = Column(column)
            if column.derived != nil { described.errors = errors.popFirst() }
            return described
        }
        inputs = spec.plan.inputs.isEmpty ? nil : spec.plan.inputs.map { Column(.feature($0)) }
        let hasConditions = spec.plan.roles.contains { $0.windows?.hasConditions ?? false }
        platform = spec.plan.derived.isEmpty && !hasConditions ? nil : .current
        spine = Spine(
            source: spineSource,
            columns: spec.spine.map { SpineColumn(name: $0.name, type: $0.typeText) },
            digest: join.spineDigest.text
        )
        self.output = output
        rows = join.rowCount
        contentDigest = join.contentDigest.text
        rowMarks = join.rowMarks
        quality = join.quality
    }

    /// Keeps the manifest in `asof.training_sets` where the role may write there.
    ///
    /// - Returns: false where it may not, the server is a standby, or the store is of a newer schema.
    package func record(_ session: Session) throws(StoreError) -> Bool {
        do {
            let subject = "the record of \(output.file) in asof.training_sets"
            try session.transaction(.write, of: subject) { () throws(StoreError) in
                _ = try session.query(
                    "INSERT INTO asof.training_sets (output, content_digest, manifest) VALUES ($1, $2, $3)",
                    [.text(output.file), .text(contentDigest), .jsonb(try json)]
                )
            }
            return true
        } catch {
            if case .newerSchema = error { return false }
            guard case .database(let cause) = error,
                let sqlState = cause.sqlState,
                [SQLState.insufficientPrivilege, SQLState.readOnlyTransaction, SQLState.featureNotSupported]
                    .contains(sqlState)
            else { throw error }
            return false
        }
    }
}

extension TrainingSetManifest.Column {
    init(_ column: ServiceColumn) {
        name = column.outputName
        type = column.type.text
        switch column {
        case .feature(let feature):
            (view, prefix, self.feature) = (feature.view, feature.prefix, feature.feature)
            (window, events) = (feature.window?.text, feature.window?.of)
        case .request(let field): request = field.name
        case .derived(let derived): (derive, from) = (derived.name, derived.expression)
        }
    }
}
