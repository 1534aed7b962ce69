// swift-tools-version: 6.2
import PackageDescription

// The table of ARCHITECTURE.md ("Who may import whom") is stated here and checked by .ci/imports.

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableExperimentalFeature("Lifetimes"),
]
let strictC: [CSetting] = [.treatAllWarnings(as: .error)]

let argumentParser: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")

/// One of our libraries: strict settings, and only the neighbours it names.
func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// A service's slice: all of its domain, routes and repositories, and the document of its API.
func slice(_ name: String, _ more: [Target.Dependency] = []) -> Target {
  .target(
    name: name,
    dependencies: [
      "ServiceKit", "CoreHTTP", "HTTPMessages", "JSONSyntax", "Postgres", "SharedKernel",
    ] + more,
    resources: [.embedInCode("openapi.yaml")], swiftSettings: strict)
}

/// A program, thin: it starts what a library holds.
func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
  name: "shop",
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0"),
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2"),
    .package(url: "https://github.com/vapor/jwt-kit", exact: "5.7.1"),
  ],
  targets: [
    // C
    .target(name: "CEpoll", cSettings: strictC),
    .target(name: "CCurl", dependencies: ["CLibcurl"], cSettings: strictC),
    .systemLibrary(
      name: "CLibcurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    // Foundations
    library(
      "EventLoops",
      ["CEpoll", .product(name: "HeapModule", package: "swift-collections")]),
    library("HTTPMessages"),
    library("JSONSyntax"),

    // Libraries
    library("SharedKernel"),
    library("Resilience"),
    library("CoreHTTP", ["EventLoops", "HTTPMessages", "CEpoll"]),
    library("HTTPClient", ["EventLoops", "HTTPMessages", "CCurl"]),
    library("Consul", ["HTTPClient", "HTTPMessages"]),
    library(
      "Postgres",
      [
        "EventLoops", "CPostgres", .product(name: "DequeModule", package: "swift-collections"),
      ]),

    // What makes a program a service
    library(
      "ServiceKit",
      [
        "EventLoops", "HTTPMessages", "JSONSyntax", "SharedKernel", "Resilience", "CoreHTTP",
        "HTTPClient", "Consul", "Postgres", "CSodium", "CZlib", argumentParser,
        .product(name: "Configuration", package: "swift-configuration"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "JWTKit", package: "jwt-kit"),
      ]),

    // Slices
    slice("Products", ["EventLoops"]),
    slice("Orders"),
    slice("Users"),
    slice("Payments"),
    slice("Notifications"),

    // Programs
    program("product-service", ["Products"]),
    program("order-service", ["Orders"]),
    program("user-service", ["Users"]),
    program("payment-service", ["Payments"]),
    program("notification-service", ["Notifications"]),
    program(
      "shopctl",
      [
        "ServiceKit", "SharedKernel", "Postgres", "HTTPClient", "HTTPMessages", "EventLoops",
        argumentParser,
        .product(name: "Subprocess", package: "swift-subprocess"),
      ]),
    program("bench-server", ["CoreHTTP", "HTTPMessages", "EventLoops", "JSONSyntax"]),
    program("bench-database", ["Postgres", "EventLoops"]),
    program("bench-resilience", ["Resilience"]),

    // Tests
    .executableTarget(
      name: "hostile-load", dependencies: ["EventLoops"], path: "Tests/hostile-load",
      swiftSettings: strict),
    .executableTarget(
      name: "resilience-drills",
      dependencies: [
        "ServiceKit", "CoreHTTP", "HTTPClient", "HTTPMessages", "EventLoops", "Postgres",
        "Resilience", "CWallClock", "TestSupport", .product(name: "Logging", package: "swift-log"),
      ],
      path: "Tests/resilience-drills", swiftSettings: strict),
    .target(name: "CWallClock", path: "Tests/CWallClock", cSettings: strictC),
    .target(
      name: "TestSupport", dependencies: ["CPostgres", "Postgres"], path: "Tests/TestSupport",
      swiftSettings: strict),
    tests("SharedKernelTests", ["SharedKernel"]),
    tests("HTTPMessagesTests", ["HTTPMessages"]),
    tests("JSONSyntaxTests", ["JSONSyntax"]),
    tests("EventLoopsTests", ["EventLoops"]),
    tests("CoreHTTPTests", ["CoreHTTP", "HTTPMessages", "EventLoops", "TestSupport"]),
    tests(
      "HTTPConformanceTests",
      ["CoreHTTP", "HTTPMessages", "EventLoops", "bench-server", "TestSupport"]),
    tests("PostgresTests", ["Postgres", "EventLoops", "TestSupport"]),
    tests("HTTPClientTests", ["HTTPClient", "CCurl", "HTTPMessages", "EventLoops", "TestSupport"]),
    tests("ConsulTests", ["Consul", "HTTPClient", "HTTPMessages", "EventLoops", "TestSupport"]),
    tests("ResilienceTests", ["Resilience"]),
    tests(
      "ServiceKitTests",
      [
        "ServiceKit", "SharedKernel", "EventLoops", "Resilience", "HTTPMessages", "CoreHTTP",
        "HTTPClient", "Consul", "JSONSyntax", "Postgres", "CZlib", "TestSupport",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
      ]),
    tests(
      "ProductsTests",
      [
        "Products", "ServiceKit", "SharedKernel", "Postgres", "EventLoops", "HTTPMessages",
        "CoreHTTP", "JSONSyntax", "TestSupport",
        .product(name: "Logging", package: "swift-log"),
      ]),
    tests(
      "PaymentsTests",
      [
        "Payments", "ServiceKit", "SharedKernel", "Postgres", "EventLoops", "HTTPMessages",
        "HTTPClient", "CoreHTTP", "TestSupport", .product(name: "Logging", package: "swift-log"),
      ]),
    tests(
      "OrdersTests",
      [
        "Orders", "ServiceKit", "SharedKernel", "Postgres", "EventLoops", "HTTPMessages",
        "CoreHTTP", "JSONSyntax", "TestSupport",
        .product(name: "Logging", package: "swift-log"),
      ]),
    tests(
      "ContractTests",
      [
        "Orders", "Products", "Payments", "Users", "Notifications", "ServiceKit", "SharedKernel",
        "Postgres", "EventLoops", "HTTPMessages", "CoreHTTP", "TestSupport",
        .product(name: "Logging", package: "swift-log"),
      ]),
    tests(
      "UsersTests",
      [
        "Users", "ServiceKit", "SharedKernel", "Postgres", "EventLoops", "HTTPMessages",
        "CoreHTTP", "JSONSyntax", "TestSupport",
        .product(name: "Logging", package: "swift-log"),
      ]),
    tests(
      "NotificationsTests",
      [
        "Notifications", "ServiceKit", "SharedKernel", "Postgres", "EventLoops", "HTTPMessages",
        "CoreHTTP", "TestSupport", .product(name: "Logging", package: "swift-log"),
      ]),
    tests("shopctlTests", ["shopctl", "TestSupport", "Postgres", "EventLoops"]),
  ]
)
