// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that the shop's does not depend on Hummingbird. The folder must not have
// the dependency's name: SwiftPM would take both for one package.
let package = Package(
  name: "hummingbird-server",
  platforms: [.macOS(.v14)],
  dependencies: [
    .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1")
  ],
  targets: [
    .executableTarget(
      name: "hummingbird-server",
      dependencies: [.product(name: "Hummingbird", package: "hummingbird")],
      path: "Sources/Server")
  ]
)
