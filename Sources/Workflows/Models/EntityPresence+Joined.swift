import Features
import Models
import PointInTime
import Store
import Training
import TrainingSets

extension FeaturePlan {
    /// Whether its columns are those that a model reads, in their order.
    func hasColumns(of signature: ModelSignature) -> Bool {
        let read = signature.columns
        return columns.map(\.outputName) == read.map(\.name) && columns.map(\.type) == read.map(\.type)
    }

    /// What views have of each row's entities.
    /// - Parameter given: columns that do not come from a view but with the request.
    func presence(_ block: JoinedBlock, given: Set<String> = []) -> EntityPresence {
        var presence = EntityPresence()
        for (column, source) in zip(columns, sources) {
            guard case .lookup(let lookup) = source, !given.contains(column.outputName) else { continue }
            // Of windows the age is that of the newest event in any.
            let ages = block.ages[lookup.role]
            let isThere = (0..<ages.rowCount).map { !ages.isNull($0) }
            if roles[lookup.role].windows == nil {
                presence.stored.append(isThere.map { $0 ? .present : .missing })
            } else {
                presence.windows.append(isThere)
            }
        }
        return presence
    }
}

extension EntityFeatures {
    /// What views have of the entity, as of one row.
    var presence: EntityPresence {
        var presence = EntityPresence()
        for source in plan.sources {
            guard case .lookup(let lookup) = source else { continue }
            let row = rows[lookup.role]
            if plan.roles[lookup.role].windows != nil {
                presence.windows.append([row.isValid])
            } else if case .feature(_, let feature) = lookup {
                presence.stored.append([row.statuses[feature]])
            }
        }
        return presence
    }
}
