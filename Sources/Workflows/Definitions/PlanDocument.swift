import Features
import Foundation
import Store

/// A plan as JSON, for programs and for `asof apply --plan`.
package struct PlanDocument: Codable, Sendable {
    package struct Change: Codable, Sendable {
        /// `added`, `changed` or `removed`.
        package let change: String
        /// `safe`, `retires` or `refused`.
        package let severity: String
        /// `entity`, `view`, `feature`, `service`, `model` or `stream`.
        package let subject: String
        package let name: String
        package let detail: String
        /// Of a refused change: what to do instead.
        package let wayOut: String?
        /// Of a refused change: `file:line:column`.
        package let place: String?

        private enum CodingKeys: String, CodingKey {
            case change, severity, subject, name, detail, place
            case wayOut = "way_out"
        }
    }

    package struct Deletion: Codable, Sendable {
        package let subject: String
        package let name: String
        package let rows: Int64
    }

    /// A view whose tables are written anew, since features get wider types.
    package struct Rewrite: Codable, Sendable {
        package struct Feature: Codable, Sendable {
            package let name: String
            package let from: String
            package let to: String
        }

        package let view: String
        package let features: [Feature]
        package let rows: Int64
        package let bytes: Int64
        /// About how long it takes.
        package let seconds: Int64
    }

    package struct Service: Codable, Sendable {
        package let name: String
        package let version: Int
        package let fingerprint: String
        package let rules: String
    }

    /// What answers no more, see ``StoppedAnswers``.
    package struct Stopped: Codable, Sendable {
        package let services: [String]
        package let models: [String]
    }

    /// An online table that is made of history.
    package struct Fill: Codable, Sendable {
        package let view: String
        package let rows: Int64
        /// About.
        package let seconds: Double
    }

    static let format = "asof-plan-1"

    package let format: String
    /// ``DefinitionsPlan/digest()``.
    package let digest: String
    /// The store's id.
    package let store: String
    package let definitionsVersion: Int64
    package let project: String
    package let isRefused: Bool
    package let changes: [Change]
    package let deleted: [Deletion]
    package let rewritten: [Rewrite]
    package let services: [Service]
    package let models: [String]
    package let stopped: Stopped
    package let fills: [Fill]
    /// Views whose rows a plan without the store cannot count, see ``DefinitionsPlan/uncounted``.
    package let uncounted: [String]

    private enum CodingKeys: String, CodingKey {
        case format, digest, store, project, changes, deleted, rewritten, services, models, stopped, fills, uncounted
        case definitionsVersion = "definitions_version"
        case isRefused = "refused"
    }

    package init(_ plan: DefinitionsPlan) throws {
        format = Self.format
        digest = try plan.digest()
        store = plan.store
        definitionsVersion = plan.version
        project = plan.project
        isRefused = plan.hasRefusedChange
        changes = plan.changes.map { change in
            Change(
                change: "\(change.kind)",
                severity: "\(change.severity)",
                subject: change.noun,
                name: change.name,
                detail: change.detail,
                wayOut: change.wayOut,
                place: change.place
            )
        }
        deleted = plan.pruned.map { Deletion(subject: $0.noun, name: $0.name, rows: $0.rows) }
        rewritten = plan.rewrites.map { rewrite in
            Rewrite(
                view: rewrite.view,
                features: rewrite.features.map { .init(name: $0.name, from: $0.from.text, to: $0.to.text) },
                rows: rewrite.rows,
                bytes: rewrite.bytes,
                seconds: rewrite.seconds
            )
        }
        services = plan.services.map {
            Service(name: $0.name, version: $0.number, fingerprint: $0.fingerprint, rules: $0.rules)
        }
        models = plan.models
        stopped = Stopped(services: plan.stopped.services, models: plan.stopped.models)
        uncounted = plan.uncounted
        fills = plan.fills.map { Fill(view: $0.view, rows: $0.rows, seconds: ($0.seconds * 10).rounded() / 10) }
    }

    /// One JSON object, its members in bytewise order, over several lines.
    package func json() throws -> String { try JSONDocument.encode(self, isPretty: true) }
}

/// A plan that somebody has agreed to, as `asof plan --format json` printed it.
package struct AgreedPlan: Sendable {
    private struct Head: Decodable {
        let format: String
        let digest: String
        let store: String
        let definitionsVersion: Int64

        private enum CodingKeys: String, CodingKey {
            case format, digest, store
            case definitionsVersion = "definitions_version"
        }
    }

    private let file: String
    private let head: Head

    /// - Parameter file: its name, for messages.
    /// - Throws: ``WorkflowError/refused(_:)`` where that is no such plan.
    package init(_ bytes: some Sequence<UInt8>, file: String) throws(WorkflowError) {
        self.file = file
        guard let head = try? JSONDecoder().decode(Head.self, from: Data(bytes)), head.format == PlanDocument.format
        else {
            throw .refused("\(file) is no plan: make one with `asof plan --format json > \(file)`")
        }
        self.head = head
    }

    /// - Throws: ``WorkflowError/refused(_:)`` saying how `plan` differs from the one that was agreed to.
    func check(_ plan: DefinitionsPlan) throws {
        guard plan.store == head.store else {
            throw WorkflowError.refused(
                "nothing was applied: \(file) was made for store \(head.store), and this is store \(plan.store)"
            )
        }
        guard try plan.digest() != head.digest else { return }
        guard head.digest.hasPrefix(DefinitionsPlan.digestPrefix) else {
            throw WorkflowError.refused("nothing was applied: \(file) was made by another version of asof; plan again")
        }
        guard plan.version == head.definitionsVersion else {
            throw WorkflowError.refused(
                "nothing was applied: \(file) was made at definitions version \(head.definitionsVersion), and with version "
                    + "\(plan.version), which is in force, or with the files as they are now, the plan is another; plan again"
            )
        }
        throw WorkflowError.refused(
            "nothing was applied: the definitions or the options --adopt and --prune are not those that \(file) was made "
                + "of; plan again"
        )
    }
}
