// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// Packages whose version is given here and that only other packages use. SwiftPM warns of those that no target names;
/// for WASI, where nothing of this is built, one does.
let pinnedOnly: [Target.Dependency] = [
    .product(name: "SwiftASN1", package: "swift-asn1", condition: .when(platforms: [.wasi])),
    .product(name: "Atomics", package: "swift-atomics", condition: .when(platforms: [.wasi])),
    .product(name: "Collections", package: "swift-collections", condition: .when(platforms: [.wasi])),
    .product(name: "SystemPackage", package: "swift-system", condition: .when(platforms: [.wasi])),
]

/// Where Apache Arrow C++ lies: `ASOF_ARROW`, else where `scripts/setup` puts it (include/ and lib/ below it).
let arrow: String = {
    let environment = ProcessInfo.processInfo.environment
    if let path = environment["ASOF_ARROW"], !path.isEmpty { return path }
    let cache =
        environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? (environment["HOME"] ?? "/root") + "/.cache"
    return cache + "/asof/arrow"
}()

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .treatAllWarnings(as: .error),
]

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

/// A module of ours: its name, the modules of ours that it imports, and products of other packages.
func module(
    _ name: String,
    _ ours: [String],
    _ others: [Target.Dependency] = [],
    resources: [Resource]? = nil
) -> Target {
    .target(
        name: name,
        dependencies: ours.map { .byName(name: $0) } + others,
        resources: resources,
        swiftSettings: swiftSettings
    )
}

/// The same of a folder of tests, which all have TestSupport.
func tests(
    _ name: String,
    _ ours: [String],
    _ others: [Target.Dependency] = [],
    exclude: [String] = []
) -> Target {
    .testTarget(
        name: name,
        dependencies: (ours + ["TestSupport"]).map { .byName(name: $0) } + others,
        exclude: exclude,
        swiftSettings: swiftSettings
    )
}

let package = Package(
    name: "asof",
    products: [.executable(name: "asof", targets: ["asof"])],
    // Exact, so that every clone builds what was tested.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", exact: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        // What these depend on themselves.
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-atomics", exact: "1.3.0"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "CAffinity"),
        .target(name: "CFloatText"),
        // The same sums everywhere: no operation is fused with another.
        .target(name: "CForest", cSettings: [.unsafeFlags(["-ffp-contract=off"])]),
        .target(name: "CKafka", linkerSettings: [.linkedLibrary("dl")]),
        .target(name: "CSpawn"),
        .target(name: "CXGBoost", linkerSettings: [.linkedLibrary("dl")]),
        .target(
            name: "CArrow",
            cxxSettings: [
                .headerSearchPath("."), .headerSearchPath("files"), .headerSearchPath("segments"),
                .headerSearchPath("values"),
                .unsafeFlags(["-I\(arrow)/include", "-Wno-unused-parameter", "-Wno-deprecated-declarations"]),
            ],
            linkerSettings: [
                .unsafeFlags(["-L\(arrow)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(arrow)/lib"]),
                .linkedLibrary("parquet"), .linkedLibrary("arrow"),
                .linkedLibrary("stdc++"),
            ]
        ),

        // Each module, below those that import it. ARCHITECTURE.md says what each owns.
        module("Features", [], [yams, crypto]),
        module("Forest", ["CForest"]),
        module("Kafka", ["CKafka"]),
        module("Metrics", []),
        module("XGBoost", ["CXGBoost"]),
        module("Training", ["Features", "Forest", "PointInTime"], [mustache]),
        module("PointInTime", ["Features"], [crypto]),
        module("Expressions", ["Features", "PointInTime"]),
        module("Windows", ["Expressions", "Features", "PointInTime"]),
        module("Postgres", ["CLibPQ"]),
        module("EmbeddedPostgres", ["CSpawn", "Postgres"]),
        module("Wire", ["CFloatText", "Features"], [nioCore]),
        module("Columnar", ["CArrow", "Features", "PointInTime", "Wire"]),
        module("Online", ["Features", "PointInTime"]),
        module(
            "Store",
            ["CAffinity", "Expressions", "Features", "PointInTime", "Postgres", "Windows"],
            [crypto],
            resources: [.embedInCode("Migrations")]
        ),
        module("Models", ["Features", "Forest", "PointInTime", "Postgres", "Store", "Training"], [crypto]),
        module("Segments", ["Features", "PointInTime", "Postgres", "Store"], [crypto]),
        module("Windowing", ["Features", "PointInTime", "Postgres", "Store", "Windows"]),
        module(
            "TrainingSets",
            ["Expressions", "Features", "PointInTime", "Postgres", "Segments", "Store", "Windowing"]
        ),
        module("Materializing", ["Features", "PointInTime", "Postgres", "Store"]),
        module("Operations", ["Features", "PointInTime", "Postgres", "Store"], [crypto]),
        module(
            "Serving",
            [
                "Expressions", "Features", "Forest", "Metrics", "Models", "Online", "PointInTime", "Postgres", "Store",
                "Windowing",
            ]
        ),
        module(
            "Workflows",
            [
                "Columnar", "Expressions", "Features", "Forest", "Kafka", "Materializing", "Models", "Operations",
                "PointInTime", "Postgres", "Segments", "Store", "Training", "TrainingSets", "Windows",
                "XGBoost",
            ]
        ),
        module(
            "Reading",
            [
                "CFloatText", "Expressions", "Features", "Metrics", "Online", "PointInTime", "Postgres", "Serving",
                "Store", "Wire",
            ],
            [nioCore]
        ),
        module(
            "Commands",
            [
                "Columnar", "Expressions", "Features", "Forest", "Metrics", "Models", "Online", "PointInTime",
                "Reading",
                "Serving", "Store", "Training", "TrainingSets", "Wire",
            ],
            [crypto, nioCore]
        ),
        module("RESPServer", ["Commands", "Metrics", "Wire"], [logging, nioCore, nioPosix]),
        .executableTarget(
            name: "asof",
            dependencies: [
                "Columnar", "Commands", "EmbeddedPostgres", "Features", "Materializing", "Operations", "PointInTime",
                "RESPServer", "Reading", "Segments", "Serving", "Store", "Training", "TrainingSets", "Wire",
                "Workflows",
                "XGBoost", "Models", logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ] + pinnedOnly,
            swiftSettings: swiftSettings
        ),

        .target(
            name: "TestSupport",
            dependencies: [
                "CLibPQ", "EmbeddedPostgres", "Expressions", "Features", "Operations", "PointInTime", "Postgres",
                "Store", "TrainingSets", "Windows",
            ],
            path: "Tests/TestSupport",
            swiftSettings: swiftSettings
        ),
        tests("FeaturesTests", ["Features"]),
        tests("PointInTimeTests", ["Features", "PointInTime"], [crypto]),
        tests("ExpressionsTests", ["Expressions", "Features", "PointInTime", "Postgres"]),
        tests("WindowsTests", ["Features", "PointInTime", "Windows"]),
        tests("KafkaTests", ["Kafka"]),
        tests("ForestTests", ["Forest", "XGBoost"]),
        tests("TrainingTests", ["Features", "Forest", "PointInTime", "Training"]),
        tests("ModelsTests", ["Features", "Forest", "Models", "Postgres", "Store", "Training"]),
        tests("PostgresTests", ["CLibPQ", "EmbeddedPostgres", "Postgres"]),
        tests("WireTests", ["CFloatText", "Features", "Wire"], [nioCore]),
        tests("ColumnarTests", ["Columnar", "Features", "PointInTime", "Wire"], exclude: ["Fixtures"]),
        tests(
            "StoreTests",
            [
                "Columnar", "Expressions", "Features", "Materializing", "Online", "Operations", "PointInTime",
                "Postgres", "Segments",
                "Serving", "Store", "TrainingSets", "Windows",
            ]
        ),
        tests(
            "CommandsTests",
            [
                "Commands", "Features", "Metrics", "Online", "PointInTime", "Postgres", "Reading", "Serving", "Store",
                "TrainingSets", "Wire",
            ],
            [nioCore]
        ),
        tests(
            "ServerTests",
            ["Commands", "RESPServer", "Wire"],
            [logging, nioCore, .product(name: "NIOEmbedded", package: "swift-nio")]
        ),
        tests(
            "WorkflowsTests",
            [
                "Columnar", "Expressions", "Features", "Kafka", "Materializing", "Operations", "PointInTime",
                "Postgres", "Segments", "Store", "TrainingSets", "Workflows",
            ]
        ),
        tests(
            "EndToEndTests",
            [
                "asof", "Columnar", "EmbeddedPostgres", "Features", "Operations", "PointInTime", "Postgres", "Store",
                "TrainingSets",
            ]
        ),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx20
)
