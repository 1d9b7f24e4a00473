// swift-tools-version: 6.1
import PackageDescription

// Whole-program optimisation across targets in release builds: the hot path crosses Wire, GatewayCore, SigV4 and Gateway. Exclusive
// access is checked while tests run (debug builds); in release the checks at run time would be a sixth of the program's instructions.
let optimised: [SwiftSetting] = [
    .unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release))
]
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]

let package = Package(
    name: "countersign",
    products: [
        .executable(name: "countersign", targets: ["countersign"]),
        .library(name: "Digests", targets: ["Digests"]),
        .library(name: "SigV4", targets: ["SigV4"]),
        .library(name: "GatewayCore", targets: ["GatewayCore"]),
        .library(name: "GatewayConfig", targets: ["GatewayConfig"]),
        .library(name: "Wire", targets: ["Wire"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
    ],
    targets: [
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        .target(name: "Digests", dependencies: ["COpenSSL"], swiftSettings: optimised),
        .target(name: "SigV4", dependencies: ["Digests"], swiftSettings: optimised),
        .target(name: "GatewayCore", dependencies: ["Digests"], swiftSettings: optimised),
        .target(name: "GatewayConfig", dependencies: ["Digests", "GatewayCore"], swiftSettings: optimised),
        .target(name: "Wire", dependencies: ["COpenSSL", "CNghttp2", "GatewayCore"], swiftSettings: optimised),
        .target(
            name: "Gateway",
            dependencies: [
                "CHiredis", "CZlib", "Digests", "SigV4", "GatewayCore", "GatewayConfig", "Wire",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ] + nio,
            resources: [.embedInCode("Admin/Page")],
            swiftSettings: optimised),
        .target(
            name: "ChimeDouble",
            dependencies: ["Digests", .product(name: "NIOHTTP1", package: "swift-nio")] + nio,
            swiftSettings: optimised),
        .executableTarget(
            name: "countersign",
            dependencies: [
                "CZlib", "Digests", "SigV4", "GatewayCore", "GatewayConfig", "Gateway", "ChimeDouble",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: optimised),

        .testTarget(name: "DigestsTests", dependencies: ["Digests"]),
        .testTarget(name: "SigV4Tests", dependencies: ["SigV4", "Digests"], resources: [.copy("Vectors")]),
        .testTarget(name: "GatewayCoreTests", dependencies: ["GatewayCore", "Digests"]),
        .testTarget(name: "GatewayConfigTests", dependencies: ["Digests", "GatewayConfig", "GatewayCore"]),
        .testTarget(
            name: "WireTests",
            dependencies: [
                "Wire", "GatewayCore", .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ] + nio,
            resources: [.copy("Corpus")]),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "ChimeDouble", "Gateway", "Digests", "GatewayCore", "GatewayConfig", "Wire",
                .product(name: "Logging", package: "swift-log"), .product(name: "NIOEmbedded", package: "swift-nio"),
            ] + nio),
        .testTarget(name: "ChimeDoubleTests", dependencies: ["ChimeDouble", "SigV4", "Digests"] + nio),
    ],
    swiftLanguageModes: [.v6]
)
