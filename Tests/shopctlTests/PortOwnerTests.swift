import Glibc
import Testing

@testable import shopctl

struct PortOwnerTests {
  @Test("a taken port is reported with the pid and command of its owner, and the way out")
  func taken() throws {
    let (listener, port) = try Self.listen()
    defer { close(listener) }
    let owner = try #require(PortOwner.of(port: port))
    #expect(owner.pid == getpid())

    let ports = try Ports(from: nil, overrides: ["order=\(port)"])
    let trouble = try #require(throws: Trouble.self) {
      try PortOwner.require(free: ports, names: ["order"], command: "./shop up --ports-from 20000")
    }
    let command = try #require(ProcessIdentity.command(of: getpid()))
    #expect(
      trouble.cause == "port \(port) (order) is in use by pid \(getpid()) \"\(command)\".")
    #expect(
      trouble.next[0].hasPrefix("Free it, or run: ./shop up --ports-from 20000 --port order="))
  }

  @Test("owners are found among more sockets than one page of the kernel's table holds")
  func amongMany() throws {
    let listeners = try (0..<100).map { _ in try Self.listen() }
    defer { for listener in listeners { close(listener.descriptor) } }
    // The first page holds 27 of them, in no order. (All of them would be looked for for minutes.)
    for listener in listeners.prefix(10) {
      #expect(PortOwner.of(port: listener.port)?.pid == getpid())
    }
  }

  @Test("a port that nobody listens on has no owner")
  func free() throws {
    // Bound, so that no other test is given it meanwhile.
    let (bound, port) = try Self.bindLoopback()
    defer { close(bound) }
    #expect(PortOwner.of(port: port) == nil)
  }

  /// A listener on 127.0.0.1 and the port it was given.
  private static func listen() throws -> (descriptor: Int32, port: Int) {
    let (descriptor, port) = try bindLoopback()
    try #require(Glibc.listen(descriptor, 1) == 0)
    return (descriptor, port)
  }

  /// A socket bound to a port of 127.0.0.1 that the kernel chose.
  private static func bindLoopback() throws -> (descriptor: Int32, port: Int) {
    // Else a program that another test starts meanwhile would be an owner, too.
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_INET, kind, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    try withUnsafeMutablePointer(to: &address) {
      try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try #require(bind(descriptor, $0, length) == 0)
        try #require(getsockname(descriptor, $0, &length) == 0)
      }
    }
    return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
  }
}
