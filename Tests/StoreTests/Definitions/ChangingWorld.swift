import Features
import PointInTime
import TestSupport

@testable import Store

/// A view of rows and one of events whose features get other names and wider types, one step after the other, in a random order.
///
/// What is written is the same raw numbers whatever the features are then, so that another store that had the last names and
/// types from the start can be given the same rows.
struct ChangingWorld {
    struct Feature {
        var view: String
        /// The first is that of the beginning.
        var names: [String]
        var types: [FeatureType]
        var name = 0
        var type = 0

        mutating func finish() { (name, type) = (names.count - 1, types.count - 1) }
    }

    var features = [
        Feature(view: "stats", names: ["a"], types: [.int32, .int64]),
        Feature(view: "stats", names: ["b", "bb"], types: [.int32, .float64]),
        Feature(view: "stats", names: ["c", "cc", "ccc"], types: [.int64, .float64]),
        Feature(view: "stats", names: ["d"], types: [.float32, .float64]),
        Feature(view: "stats", names: ["e", "ee"], types: [.int32, .int64, .float64]),
        Feature(view: "stats", names: ["s", "t"], types: [.string]),
        Feature(view: "clicks", names: ["click", "id"], types: [.string]),
        Feature(view: "clicks", names: ["x", "amount"], types: [.int32, .int64]),
        Feature(view: "clicks", names: ["y"], types: [.float32, .float64]),
        Feature(view: "clicks", names: ["z", "count_z"], types: [.int64, .float64]),
    ]

    /// The same with all steps taken.
    var finished: ChangingWorld {
        var world = self
        for index in world.features.indices { world.features[index].finish() }
        return world
    }

    var isFinished: Bool { features.allSatisfy { $0.name == $0.names.count - 1 && $0.type == $0.types.count - 1 } }

    /// Takes a step or two, of different features: a name or a type further, or both.
    mutating func change(_ random: inout SeededRandom) {
        var open = features.indices.filter {
            features[$0].name < features[$0].names.count - 1 || features[$0].type < features[$0].types.count - 1
        }
        open.shuffle(using: &random)
        for index in open.prefix(random.int(1...3)) {
            let canRename = features[index].name < features[index].names.count - 1
            let canWiden = features[index].type < features[index].types.count - 1
            let renames = canRename && (!canWiden || random.oneIn(2))
            if renames { features[index].name += 1 }
            if canWiden, !renames || random.oneIn(2) { features[index].type += 1 }
        }
    }

    private func current(_ index: Int) -> String { features[index].names[features[index].name] }

    private func definitions(of view: String) -> String {
        features.filter { $0.view == view }.map { feature in
            let was = feature.name == 0 ? "" : ", was: \(feature.names[feature.name - 1])"
            return "\(feature.names[feature.name]): { type: \(feature.types[feature.type].text)\(was) }"
        }.joined(separator: ", ")
    }

    var yaml: String {
        """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats: { entities: [user], partition: day, features: { \(definitions(of: "stats")) } }
          clicks:
            entities: [user]
            partition: day
            events: { id: \(current(6)) }
            features: { \(definitions(of: "clicks")) }
          windows:
            entities: [user]
            windows:
              of: clicks
              features:
                n: count over 3s
                sx: sum(\(current(7))) over 5s
                lx: last(\(current(7))) over lifetime
                hx: max(\(current(7))) over 4s where \(current(7)) > 2 or \(current(6)) = 'c1'
                tx: top(\(current(7)), 2) over lifetime
                ay: avg(\(current(8))) over lifetime
                my: min(\(current(8))) over lifetime
                sz: sum(\(current(9))) over lifetime
                fz: first(\(current(9))) over 5s
                dz: distinct(\(current(9))) over lifetime
        services:
          model:
            - stats.*
            - clicks.*
            - windows.*
            - { derive: twice, from: "stats.\(current(0)) * 2" }
            - { derive: ratio, from: "stats.\(current(3)) / 4" }
        """
    }

    /// A row by raw numbers, one for each of the view's features; `nil` = null.
    struct Raw {
        var view: String
        var user: Int64
        var time: Int64
        var isDeleted: Bool
        var values: [Int?]
    }

    func raw(_ random: inout SeededRandom) -> Raw {
        let view = random.oneIn(2) ? "stats" : "clicks"
        return Raw(
            view: view,
            user: Int64(random.int(1...6)),
            time: 1_709_251_195_000_000 + Int64(random.int(0...9)) * 1_000_000,
            isDeleted: random.oneIn(9),
            values: features.filter { $0.view == view }.map { _ in random.oneIn(6) ? nil : random.int(-9...9) }
        )
    }

    /// The row in the types that features have now.
    func row(_ raw: Raw) -> HistoryRow {
        let own = features.filter { $0.view == raw.view }
        let values = zip(own, raw.values).enumerated().map { place, item -> Value in
            let (feature, number) = item
            // What identifies an event is in tombstones, too.
            if raw.view == "clicks", place == 0 { return .string("c\(abs(number ?? 0) % 3)") }
            guard let number, !raw.isDeleted else { return .null }
            switch feature.types[feature.type] {
            case .int32: return .int32(Int32(number))
            case .int64: return .int64(Int64(number))
            case .float32: return .float32(Float(number) / 4)
            case .float64: return .float64(feature.types[0] == .float32 ? Double(number) / 4 : Double(number))
            default: return .string("s\(number)")
            }
        }
        return HistoryRow([.int64(raw.user)], at: raw.time, isDeleted: raw.isDeleted, values)
    }

    /// Users, times, and rows that match nothing.
    static func spine() -> ColumnBatch {
        var (users, times): ([Int64], [Int64]) = ([], [])
        for user in Int64(0)...7 {
            for second in Int64(0)...11 {
                users.append(user)
                times.append(1_709_251_194_500_000 + second * 1_000_000)
            }
        }
        return ColumnBatch(
            names: ["user_id", "t"],
            columns: [
                Column(type: .int64, values: .int64(users)), Column(type: .timestamp, values: .int64(times)),
            ],
            rowCount: users.count
        )
    }
}
