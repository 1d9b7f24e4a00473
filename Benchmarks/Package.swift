// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that nobody who builds countersign builds its benchmarks.
let package = Package(
    name: "countersign-benchmarks",
    dependencies: [.package(name: "countersign", path: "..")],
    targets: [
        .executableTarget(
            name: "Costs",
            dependencies: [
                .product(name: "Digests", package: "countersign"),
                .product(name: "SigV4", package: "countersign"),
                .product(name: "GatewayCore", package: "countersign"),
                .product(name: "Wire", package: "countersign"),
            ],
            swiftSettings: [.unsafeFlags(["-cross-module-optimization"], .when(configuration: .release))],
            // Debian's valgrind cannot read the debug information that the compiler writes.
            linkerSettings: [.unsafeFlags(["-Xlinker", "--strip-debug"])])
    ],
    swiftLanguageModes: [.v6]
)
