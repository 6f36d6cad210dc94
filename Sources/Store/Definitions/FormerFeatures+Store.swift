import Features
import Postgres

extension FormerFeatures {
    /// Of each view that has any, by its id; hidden features' too.
    static func all(_ session: Session) throws(StoreError) -> [Int32: FormerFeatures] {
        let rows = try session.query(
            "SELECT view, name, former::text FROM asof.features WHERE former <> '[]' ORDER BY view, id"
        )
        var all: [Int32: FormerFeatures] = [:]
        for row in 0..<rows.count {
            guard let view = rows.int32(row, 0), let name = rows.text(row, 1), let text = rows.text(row, 2) else {
                continue
            }
            let states = try JSONDocument.definition([State].self, from: text, in: "asof.features")
            all[view, default: FormerFeatures()].add(states, of: name)
        }
        return all
    }

    /// What features were called before, and are now.
    func renames(of view: String) -> [FeatureRename] {
        formerNames.map { FeatureRename(view: view, name: $0.name, was: $0.was) }
    }
}
