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

let package = Package(
    name: "asof",
    products: [.executable(name: "asof", targets: ["asof"])],
    // Exact, so that every clone builds what was tested.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        // What these depend on themselves.
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-atomics", exact: "1.3.0"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        .target(
            name: "Features",
            dependencies: [.product(name: "Yams", package: "Yams"), .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "PointInTime",
            dependencies: ["Features", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: swiftSettings
        ),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "CAffinity"),
        .target(name: "CSpawn"),
        .target(name: "Postgres", dependencies: ["CLibPQ", "CSpawn"], swiftSettings: swiftSettings),
        .target(
            name: "Store",
            dependencies: [
                "CAffinity", "Features", "PointInTime", "Postgres", .product(name: "Crypto", package: "swift-crypto"),
            ],
            resources: [.embedInCode("Migrations")],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "CArrow",
            cxxSettings: [
                .unsafeFlags(["-I\(arrow)/include", "-Wno-unused-parameter", "-Wno-deprecated-declarations"])
            ],
            linkerSettings: [
                .unsafeFlags(["-L\(arrow)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(arrow)/lib"]),
                .linkedLibrary("parquet"), .linkedLibrary("arrow"),
                .linkedLibrary("stdc++"),
            ]
        ),
        .target(
            name: "Columnar",
            dependencies: ["CArrow", "Features", "PointInTime", "Wire"],
            swiftSettings: swiftSettings
        ),
        .target(name: "CFloatText"),
        .target(
            name: "Wire",
            dependencies: ["CFloatText", "Features", .product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "Commands",
            dependencies: [
                "CFloatText", "Columnar", "Features", "PointInTime", "Postgres", "Store", "Wire",
                .product(name: "Crypto", package: "swift-crypto"), .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "Server",
            dependencies: [
                "Commands", "Wire",
                .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "asof",
            dependencies: [
                "Columnar", "Commands", "Features", "PointInTime", "Postgres", "Server", "Store", "Wire",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ] + pinnedOnly,
            swiftSettings: swiftSettings
        ),
        .target(
            name: "TestSupport",
            dependencies: ["CLibPQ", "Features", "PointInTime", "Postgres", "Store"],
            path: "Tests/TestSupport",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "PostgresTests",
            dependencies: ["CLibPQ", "Postgres", "TestSupport"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "StoreTests",
            dependencies: ["Columnar", "Features", "PointInTime", "Postgres", "Store", "TestSupport"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["asof", "Columnar", "Features", "PointInTime", "Postgres", "Store", "TestSupport"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "WireTests",
            dependencies: [
                "CFloatText", "Features", "TestSupport", "Wire", .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "CommandsTests",
            dependencies: [
                "Commands", "Features", "PointInTime", "Postgres", "Store", "TestSupport", "Wire",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "Commands", "Server", "TestSupport", "Wire",
                .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(name: "FeaturesTests", dependencies: ["Features", "TestSupport"], swiftSettings: swiftSettings),
        .testTarget(
            name: "PointInTimeTests",
            dependencies: [
                "Features", "PointInTime", "TestSupport", .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ColumnarTests",
            dependencies: ["Columnar", "Features", "PointInTime", "TestSupport", "Wire"],
            exclude: ["Fixtures"],
            swiftSettings: swiftSettings
        ),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx20
)
