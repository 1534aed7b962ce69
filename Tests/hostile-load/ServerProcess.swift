import Foundation
import Glibc

/// The server that is put under load, with all that a service has around its handlers: started on a free port,
/// looked at through /proc.
final class ServerProcess {
  /// What it is started with: shorter than the defaults, so that the suite ends soon.
  static let limits = ["head-ms=3000", "body-ms=3000", "write-stall-ms=3000", "linger-ms=1000"]

  let port: UInt16
  private let process = Process()

  /// - Parameter descriptorsMax: its `ulimit -n`; nil for this program's own.
  init(_ program: String, descriptorsMax: Int? = nil) throws {
    let output = Pipe()
    process.executableURL = URL(filePath: "/bin/sh")
    let limit = descriptorsMax.map { "ulimit -n \($0) && " } ?? ""
    process.arguments = ["-c", limit + "exec \"$0\" \"$@\"", program, "--service", "--port", "0"]
    process.arguments?.append(contentsOf: Self.limits.flatMap { ["--limit", $0] })
    process.standardOutput = output
    try process.run()
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    let words = line.split(separator: " ")
    guard let place = words.firstIndex(of: "on"), place + 1 < words.count,
      let port = words[place + 1].split(separator: ":").last.flatMap({ UInt16($0) })
    else { throw Trouble("\(program) did not say where it listens, but: \(line)") }
    self.port = port
    // The access log, which must not fill its pipe.
    output.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
  }

  /// Asks it to end, and waits until it has.
  func stop() {
    process.terminate()
    process.waitUntilExit()
  }

  var isAlive: Bool { process.isRunning }

  /// Descriptors it has open.
  var descriptors: Int {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
    }
  }

  /// Bytes it has in memory.
  var residentBytes: Int {
    get throws {
      let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
      let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
      return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
    }
  }

  /// Processor time it has taken.
  var processorSeconds: Double {
    get throws {
      let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
      // Behind the name, which may hold anything: state, then 10 others, then utime and stime.
      let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
      return fields.count > 12 ? Double((Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0)) / 100 : 0
    }
  }

  /// Changes its descriptor limit while it runs, by util-linux's `prlimit`; the hard one stays.
  func limitDescriptors(to count: Int) throws {
    let change = try Process.run(
      URL(filePath: "/usr/bin/prlimit"), arguments: ["--pid", "\(pid)", "--nofile=\(count):"])
    change.waitUntilExit()
    guard change.terminationStatus == 0 else { throw Trouble("prlimit failed") }
  }

  private var pid: pid_t { process.processIdentifier }
}

/// Why the suite itself cannot go on.
struct Trouble: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
