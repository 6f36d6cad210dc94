import Features
import Store
import Workflows

/// A plan as Markdown, for a comment on a pull request.
struct PlanMarkdown {
    /// At most ``bytesMax`` bytes.
    let text: String

    /// What a comment may have on the hosts of repositories that people use is 65,536 characters.
    private static let bytesMax = 60_000

    init(_ plan: DefinitionsPlan) throws {
        var text = "### asof plan: \(Self.summary(plan))\n\n"
        if plan.hasProjects { text += "Project: \(plan.project.isEmpty ? "none" : "`\(plan.project)`")\n\n" }
        if plan.hasRefusedChange { text += "**Refused: nothing is applied while a change is marked `!`.**\n\n" }
        text += Self.table(
            ["", "what", "name", "change"],
            plan.changes.map { change in
                let detail = [change.place, change.detail].compactMap(\.self).joined(separator: ": ")
                return [
                    "`\(change.mark)`", change.noun, "`\(change.name)`",
                    Self.escaped(detail + (change.wayOut.map { "; \($0)" } ?? "")),
                ]
            }
        )
        text += Self.table(
            ["added view", "features"],
            plan.addedText.map { ["`\($0.view)`", Self.escaped($0.features)] }
        )
        text += Self.table(
            ["", "written anew", "features", "rows", "about"],
            plan.rewrites.map { rewrite in
                let features = rewrite.features.map { "`\($0.name)` \($0.from.text) → \($0.to.text)" }
                return [
                    "`~`", "view `\(rewrite.view)`", features.joined(separator: ", "), CountText.grouped(rewrite.rows),
                    "\(rewrite.seconds) s",
                ]
            }
        )
        text += Self.table(
            ["", "deleted for good", "name", "rows"],
            plan.pruned.map { ["`x`", $0.noun, "`\($0.name)`", CountText.grouped($0.rows)] }
        )
        text += Self.table(
            ["", "answers no more"],
            plan.stopped.services.map { ["`x`", "service `\($0)`"] }
                + plan.stopped.models.map { ["`x`", "model `\($0)`"] }
        )
        text += Self.table(
            ["view", "its online table is made of", "about"],
            plan.fills.map {
                [
                    "`\($0.view)`", "\(CountText.count($0.rows, "row")) of history",
                    Console.seconds(.seconds($0.seconds)),
                ]
            }
        )
        for view in plan.uncounted { text += "\(Self.escaped(DefinitionsPlan.uncounted(view)))\n\n" }
        let services = plan.services
        text += Self.table(
            ["service", "version", "fingerprint", "rules"],
            services.map { ["`\($0.name)`", "\($0.number)", "`\($0.fingerprint)`", "`\($0.rules)`"] }
        )
        let models = plan.models
        if !models.isEmpty {
            let names = models.map { "`\($0)`" }.joined(separator: ", ")
            text +=
                "Models of these services: \(names). Each version stays pinned to the service's version that it was trained on.\n\n"
        }
        text += "<sub>Against definitions version \(plan.version) of store \(plan.store). `\(try plan.digest())`</sub>"
        self.text = text
    }

    /// `2 added, 1 changed, 1 retired`.
    private static func summary(_ plan: DefinitionsPlan) -> String {
        let counts = [("+", "added"), ("~", "changed"), ("-", "retired"), ("!", "refused")].map { mark, word in
            (plan.changes.count { String($0.mark) == mark }, word)
        }
        let parts = (counts + [(plan.pruned.count, "deleted")]).filter { $0.0 > 0 }.map {
            "\(CountText.grouped($0.0)) \($0.1)"
        }
        return parts.isEmpty ? "no changes" : parts.joined(separator: ", ")
    }

    /// A table as far as a third of ``bytesMax``; nothing where there is no row.
    private static func table(_ columns: [String], _ rows: [[String]]) -> String {
        guard !rows.isEmpty else { return "" }
        func line(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |\n" }
        var text = line(columns) + line(columns.map { _ in "---" })
        for (index, row) in rows.enumerated() {
            let next = line(row)
            guard text.utf8.count + next.utf8.count <= bytesMax / 3 else {
                return text + "\n… and \(CountText.grouped(rows.count - index)) more; `asof plan` shows all.\n\n"
            }
            text += next
        }
        return text + "\n"
    }

    /// Text in which nothing is markup, on one line.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            if character.isNewline {
                escaped.append(" ")
            } else {
                if "\\`*_[]<>|#~&!".contains(character) { escaped.append("\\") }
                escaped.append(character)
            }
        }
        return escaped
    }
}
