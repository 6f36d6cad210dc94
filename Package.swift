// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// Packages whose version is given here and that only other packages use. SwiftPM warns of those that no target names;
/// for WASI, where nothing of this is built, one does.
let pinnedOnly: [Target.Dependency] = [
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

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
/// BoringSSL takes longer to compile than anything of ours.
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl", condition: .when(traits: ["TLS"]))
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
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
    traits: [
        .trait(name: "TLS", description: "TLS in the server, by swift-nio-ssl (docs/decisions/0065-a-first-build.md)"),
        .default(enabledTraits: ["TLS"]),
    ],
    // Exact, so that every clone builds what was tested.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", exact: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        // What these depend on themselves.
        .package(url: "https://github.com/apple/swift-atomics", exact: "1.3.0"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        // What libpq itself links to, and brings along.
        .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CAffinity"),
        .target(name: "CFloatText"),
        // The same sums everywhere: no operation is fused with another.
        .target(name: "CForest", cSettings: [.unsafeFlags(["-ffp-contract=off"])]),
        .target(name: "CKafka", dependencies: ["CSymbols"]),
        .target(name: "CSpawn"),
        .target(name: "CSymbols", linkerSettings: [.linkedLibrary("dl")]),
        .target(name: "CXGBoost", dependencies: ["CSymbols"]),
        .target(
            name: "CArrow",
            sources: ["failure.cpp", "files.cpp", "objects/objects.cpp", "segments.cpp", "values.cpp"],
            cxxSettings: [
                .headerSearchPath("."), .headerSearchPath("files"), .headerSearchPath("objects"),
                .headerSearchPath("segments"), .headerSearchPath("values"),
                .unsafeFlags(["-I\(arrow)/include", "-Wno-unused-parameter", "-Wno-deprecated-declarations"]),
            ],
            linkerSettings: [
                .unsafeFlags(["-L\(arrow)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(arrow)/lib"]),
                .linkedLibrary("parquet"), .linkedLibrary("arrow"),
                .linkedLibrary("stdc++"),
            ]
        ),

        // Each module, below those that import it. ARCHITECTURE.md says what each owns.
        module("Access", ["Hashing"]),
        module("Certificates", [], [nioCore, nioSSL]),
        module("Features", ["Hashing"], [yams]),
        module("Forest", ["CForest", "Learning"]),
        module("Hashing", ["CLibCrypto"]),
        module("Kafka", ["CKafka"]),
        module("Learning", []),
        module("Markup", [], [mustache]),
        module("Metrics", []),
        module("XGBoost", ["CXGBoost"]),
        module("Training", ["Features", "Forest", "Learning", "Markup", "PointInTime"]),
        module("PointInTime", ["Features", "Hashing"]),
        module("Expressions", ["Features", "PointInTime"]),
        module("Windows", ["Expressions", "Features", "PointInTime"]),
        module("Postgres", ["CLibPQ", "CSpawn"]),
        module("EmbeddedPostgres", ["CSpawn", "Postgres"]),
        module("Wire", ["CFloatText", "Features"], [nioCore]),
        module("Columnar", ["CArrow", "Features", "PointInTime", "Wire"]),
        module("Online", ["Features", "PointInTime", "Windows"]),
        module(
            "Store",
            ["CAffinity", "Expressions", "Features", "Hashing", "PointInTime", "Postgres", "Windows"],
            resources: [.embedInCode("Migrations")]
        ),
        module("Drift", ["Training"]),
        module(
            "Models",
            ["Drift", "Features", "Forest", "Hashing", "Learning", "PointInTime", "Postgres", "Store", "Training"]
        ),
        module("Predictions", ["Drift", "Features", "Models", "PointInTime", "Postgres", "Store", "Training"]),
        module("Segments", ["Features", "Hashing", "PointInTime", "Postgres", "Store"]),
        module("Windowing", ["Features", "PointInTime", "Postgres", "Store", "Windows"]),
        module(
            "TrainingSets",
            ["Expressions", "Features", "PointInTime", "Postgres", "Segments", "Store", "Windowing"]
        ),
        module("Materializing", ["Features", "PointInTime", "Postgres", "Store"]),
        module("Operations", ["Access", "Features", "Hashing", "PointInTime", "Postgres", "Predictions", "Store"]),
        module(
            "Serving",
            [
                "Drift", "Expressions", "Features", "Forest", "Metrics", "Models", "Online", "PointInTime", "Postgres",
                "Predictions", "Store", "Training", "Windowing", "Windows",
            ]
        ),
        module(
            "Workflows",
            [
                "Access", "Columnar", "Drift", "Expressions", "Features", "Forest", "Kafka", "Learning",
                "Materializing",
                "Models", "Operations", "PointInTime", "Postgres", "Predictions", "Segments", "Store", "Training",
                "TrainingSets", "Windows",
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
                "Access", "Columnar", "Drift", "Expressions", "Features", "Forest", "Metrics", "Models", "Online",
                "PointInTime", "Predictions", "Reading",
                "Serving", "Store", "Training", "TrainingSets", "Wire",
            ],
            [nioCore]
        ),
        module(
            "RESPServer",
            ["Access", "Certificates", "Commands", "Metrics", "Wire"],
            [logging, nioCore, nioPosix, nioTLS]
        ),
        module(
            "HTTPServer",
            [
                "Access", "CFloatText", "Certificates", "Columnar", "Commands", "Features", "Markup", "Metrics",
                "Models", "Online", "Reading", "Serving", "Store", "Wire",
            ],
            [logging, nioCore, nioHTTP1, nioPosix]
        ),
        .executableTarget(
            name: "asof",
            dependencies: [
                "Access", "Certificates", "Columnar", "Commands", "Drift", "EmbeddedPostgres", "Features", "HTTPServer",
                "Materializing", "Operations", "PointInTime", "RESPServer", "Reading", "Segments", "Serving", "Store",
                "Training", "TrainingSets", "Wire",
                "Workflows",
                "XGBoost", "Models", "Postgres", logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ] + pinnedOnly,
            // Arguments and output only: optimized, it takes four times as long to compile, the last of all modules.
            swiftSettings: swiftSettings + [.unsafeFlags(["-Onone"], .when(configuration: .release))]
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
        tests("AccessTests", ["Access"]),
        tests("FeaturesTests", ["Features"]),
        tests("PointInTimeTests", ["Features", "Hashing", "PointInTime"]),
        tests("ExpressionsTests", ["Expressions", "Features", "PointInTime", "Postgres"]),
        tests("WindowsTests", ["Features", "PointInTime", "Windows"]),
        tests("KafkaTests", ["Kafka"]),
        tests("LearningTests", ["Learning"]),
        tests("HashingTests", ["Hashing"]),
        tests("ForestTests", ["Forest", "Learning", "XGBoost"]),
        tests("TrainingTests", ["Features", "Forest", "Learning", "Markup", "PointInTime", "Training"]),
        tests("DriftTests", ["Drift", "Features", "PointInTime", "Training"]),
        tests("ModelsTests", ["Features", "Forest", "Models", "Postgres", "Store", "Training"]),
        tests("PostgresTests", ["CLibPQ", "EmbeddedPostgres", "Postgres"]),
        tests("WireTests", ["CFloatText", "Features", "Wire"], [nioCore]),
        tests("ColumnarTests", ["Columnar", "Features", "PointInTime", "Wire"], exclude: ["Fixtures"]),
        tests(
            "StoreTests",
            [
                "Access", "Columnar", "Commands", "Expressions", "Features", "Materializing", "Online", "Operations",
                "PointInTime", "Postgres", "RESPServer", "Segments",
                "Serving", "Store", "TrainingSets", "Windows",
            ],
            [logging]
        ),
        tests(
            "CommandsTests",
            [
                "Access", "Commands", "Features", "HTTPServer", "Markup", "Metrics", "Online", "PointInTime",
                "Postgres",
                "Reading",
                "Serving", "Store", "TrainingSets", "Wire",
            ],
            [logging, nioCore]
        ),
        tests(
            "ServerTests",
            ["Access", "Commands", "RESPServer", "Wire"],
            [logging, nioCore, .product(name: "NIOEmbedded", package: "swift-nio")]
        ),
        tests(
            "WorkflowsTests",
            [
                "Access", "Columnar", "Drift", "Expressions", "Features", "Kafka", "Materializing", "Models",
                "Operations", "PointInTime", "Postgres", "Predictions", "Segments", "Store", "Training", "TrainingSets",
                "Workflows",
            ]
        ),
        tests(
            "EndToEndTests",
            [
                "Access", "asof", "Columnar", "EmbeddedPostgres", "Features", "Forest", "Operations", "PointInTime",
                "Postgres", "Store", "TrainingSets", "XGBoost",
            ]
        ),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx20
)
