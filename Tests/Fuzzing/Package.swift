// swift-tools-version: 6.1
import PackageDescription

// A package of its own: its executables have no main, libFuzzer brings one. Built and run by `run.sh TARGET SECONDS`.
let library: [SwiftSetting] = [.unsafeFlags(["-parse-as-library"])]
let wire: [Target.Dependency] = [.product(name: "Wire", package: "countersign"), .product(name: "GatewayCore", package: "countersign")]

let package = Package(
    name: "fuzzing",
    dependencies: [.package(name: "countersign", path: "../..")],
    targets: [
        .target(name: "HTTP1Invariants", dependencies: wire),
        .executableTarget(name: "FuzzHTTP1Request", dependencies: ["HTTP1Invariants"], swiftSettings: library),
        .executableTarget(name: "FuzzHTTP1Response", dependencies: ["HTTP1Invariants"], swiftSettings: library),
        .target(name: "HTTP2Invariants", dependencies: wire),
        .executableTarget(name: "FuzzHTTP2Server", dependencies: ["HTTP2Invariants"], swiftSettings: library),
        .executableTarget(name: "FuzzHTTP2Client", dependencies: ["HTTP2Invariants"], swiftSettings: library),
        .executableTarget(
            name: "FuzzIdNormaliser",
            dependencies: [.product(name: "GatewayCore", package: "countersign"), .product(name: "Digests", package: "countersign")],
            swiftSettings: library),
        .executableTarget(
            name: "FuzzConfiguration", dependencies: [.product(name: "GatewayConfig", package: "countersign")], swiftSettings: library),
        .executableTarget(name: "FuzzCanary", swiftSettings: library),
    ],
    swiftLanguageModes: [.v6]
)
