import Features
import Testing

@Suite struct FeatureSelectionTests {
    private static let definitions = Definitions(
        views: [
            ViewDefinition(
                name: "stats",
                entities: ["user"],
                keys: [KeyColumn(name: "user_id", type: .int64)],
                features: [
                    FeatureDefinition(name: "clicks", type: .int64), FeatureDefinition(name: "ctr", type: .float64),
                ]
            ),
            ViewDefinition(
                name: "site",
                entities: [],
                keys: [],
                features: [FeatureDefinition(name: "load", type: .float32)]
            ),
            ViewDefinition(
                name: "legacy",
                entities: ["old_user"],
                keys: [KeyColumn(name: "user_id", type: .string)],
                features: [FeatureDefinition(name: "age", type: .int32)]
            ),
        ],
        services: [
            ServiceDefinition(
                name: "ranking",
                columns: [ServiceColumn(view: "site", keys: [], feature: "load", type: .float32)]
            )
        ]
    )

    private func columns(
        _ text: String,
        pinned: ServiceDefinition? = nil
    ) throws(FeatureSelectionError) -> [ServiceColumn] {
        try FeatureSelection(text: text).columns(in: Self.definitions, pinned: pinned)
    }

    @Test(arguments: [
        ("ranking", ["site__load"]), ("stats.ctr", ["stats__ctr"]), ("stats:ctr", ["stats__ctr"]),
        ("stats.ctr,site.load,stats.clicks", ["stats__ctr", "site__load", "stats__clicks"]),
        (" stats.* , site.load ", ["stats__clicks", "stats__ctr", "site__load"]),
        ("site:*,stats.clicks", ["site__load", "stats__clicks"]),
    ])
    func `a service or a list of features gives columns in the order asked for`(text: String, names: [String]) throws {
        #expect(try columns(text).map(\.outputName) == names)
    }

    @Test func `columns carry types and keys`() throws {
        #expect(
            try columns("stats.ctr") == [
                ServiceColumn(
                    view: "stats",
                    keys: [KeyMapping(viewKey: "user_id", from: "user_id")],
                    feature: "ctr",
                    type: .float64
                )
            ]
        )
    }

    @Test func `a version of a service is the pinned one, never the current one`() throws {
        #expect(try FeatureSelection(text: "ranking@12") == .service(name: "ranking", version: 12))
        let pinned = ServiceDefinition(
            name: "ranking",
            columns: [ServiceColumn(view: "gone", keys: [], feature: "x", type: .bool)]
        )
        #expect(try columns("ranking@12", pinned: pinned).map(\.outputName) == ["gone__x"])
        #expect(throws: FeatureSelectionError.unknownVersion(service: "ranking", version: 12)) {
            try columns("ranking@12")
        }
        #expect(try columns("ranking", pinned: pinned).map(\.outputName) == ["site__load"])
    }

    @Test(arguments: [
        ("", "'' is no selection of features; expected SERVICE"), ("a.b.c", "'a.b.c' is no selection"),
        ("stats.ctr,", "'' is no selection"), ("ranking,stats.ctr", "'ranking' is no selection"),
        ("stats.", "'stats.' is no selection"), (".ctr", "'.ctr' is no selection"), ("*", "'*' is no selection"),
        ("ranking@", "'' is no version of the service 'ranking'; expected a number from 1, as in ranking@1"),
        ("ranking@0", "'0' is no version"), ("ranking@-1", "'-1' is no version"), ("ranking@x", "'x' is no version"),
        ("ranking@99999999999999999999", "'99999999999999999999' is no version"),
        ("rankin", "there is no service 'rankin'; did you mean 'ranking'?"),
        ("stats", "'stats' is a view, not a service; 'stats.*' selects all its features"),
        ("stat.ctr", "there is no view 'stat'; did you mean 'stats'?"),
        ("weather.temp", "there is no view 'weather'; known: legacy, site, stats"),
        ("stats.cte", "the view 'stats' has no feature 'cte'; did you mean 'ctr'?"),
        ("stats.impressions", "the view 'stats' has no feature 'impressions'; known: clicks, ctr"),
        ("stats.ctr,stats:ctr", "'stats.ctr' would add the column 'stats__ctr' a second time"),
        ("stats.ctr,stats.*", "'stats.*' would add the column 'stats__ctr' a second time"),
        ("stats.ctr,legacy.age", "the key 'user_id' has two types"),
    ])
    func `what cannot be selected says why and what there is`(text: String, message: String) {
        var got = "nothing thrown"
        do { _ = try columns(text) } catch { got = error.description }
        #expect(got.hasPrefix(message), "\(got)")
    }

    @Test func `a store without definitions says so`() {
        #expect(
            FeatureSelectionError.unknownView(name: "v", known: []).description
                == "there is no view 'v'; none is defined"
        )
        #expect(
            FeatureSelectionError.unknownService(name: "s", isView: false, known: []).description
                == "there is no service 's'; none is defined"
        )
    }
}
