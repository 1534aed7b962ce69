import Foundation

/// Who listens on a TCP port, found by the kernel's tables as `ss -ltnp` does.
struct PortOwner: Equatable, Sendable {
  /// Nil when the process belongs to somebody else and may not be looked into.
  let pid: Int32?
  let command: String?

  /// The listener on `port`, on 127.0.0.1 or on all addresses; nil when the port is free.
  static func of(port: Int) -> PortOwner? {
    guard let inode = listenerInode(port: port) else { return nil }
    let link = "socket:[\(inode)]"
    let files = FileManager.default
    // Folders of other users' processes cannot be listed: then there is a listener without a name.
    for entry in (try? files.contentsOfDirectory(atPath: "/proc")) ?? [] {
      guard let pid = Int32(entry) else { continue }
      for descriptor in (try? files.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? [] {
        if (try? files.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(descriptor)")) == link {
          return PortOwner(pid: pid, command: ProcessIdentity.command(of: pid))
        }
      }
    }
    return PortOwner(pid: nil, command: nil)
  }

  /// "pid 4711 "node server.js"", or what can be said of it.
  var description: String {
    guard let pid else { return "a process of another user" }
    return "pid \(pid)" + (command.map { " \"\($0)\"" } ?? "")
  }

  /// Socket inode of a listener (state 0A) on a loopback or wildcard address.
  private static func listenerInode(port: Int) -> String? {
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
      // To the end: `FileManager` takes the first page (27 sockets) for the whole, as the kernel names
      // no size.
      guard let file = FileHandle(forReadingAtPath: table), let data = try? file.readToEnd() else {
        continue
      }
      for line in String(decoding: data, as: UTF8.self).split(separator: "\n").dropFirst() {
        let fields = line.split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count > 9, fields[3] == "0A" else { continue }
        let address = fields[1].split(separator: ":")
        if address.count == 2, Int(address[1], radix: 16) == port { return String(fields[9]) }
      }
    }
    return nil
  }

  /// - Parameter command: the command line to add `--port` to in the advice.
  /// - Throws: `Trouble` that names the owners of the ports that are taken, and the way out.
  static func require(free ports: Ports, names: [String], command: String) throws {
    let taken = names.compactMap { name in PortOwner.of(port: ports[name]).map { (name, $0) } }
    guard let (name, owner) = taken.first else { return }
    let port = ports[name]
    let isStrangersAgent = name == "consul" && owner.command?.contains("consul") ?? false
    if taken.count == 1 {
      let other = port < 55_000 ? port + 1000 : port - 1000
      throw Trouble(
        "port \(port) (\(name)) is in use by \(owner.description).",
        evidence: isStrangersAgent
          ? ["That agent is not this shop's own, so nothing is registered with it."] : [],
        next: ["Free it, or run: \(command) --port \(name)=\(other)"])
    }
    throw Trouble(
      "\(taken.count) ports are in use.",
      evidence: taken.map { "port \(ports[$0.0]) (\($0.0)) by \($0.1.description)" },
      next: ["Free them, or shift all: ./shop up --ports-from \(port < 20000 ? 20000 : 30000)"])
  }
}
