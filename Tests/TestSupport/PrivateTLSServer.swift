import Glibc

/// `openssl s_server` with a certificate of its own making, on a free port of 127.0.0.1. It answers
/// each GET with a page, and is gone when this object or the process is, however that ends.
package final class PrivateTLSServer: Sendable {
  /// Why there is no server to test against. Tests fail with this; they are never skipped.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  package let port: UInt16
  /// The certificate in PEM, which is its own authority.
  package let certificateFile: String
  private let lifeline: Int32

  private static let startedWithin: Duration = .seconds(20)

  /// - Parameter name: the one name the certificate is for.
  /// - Throws: `Failure`
  package init(name: String) throws {
    var template = Array("/tmp/shop-tls-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(description: "mkdtemp: errno \(errno)") }
    let directory = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    let log = "\(directory)/log"
    certificateFile = "\(directory)/certificate.pem"
    port = try LoopbackPort.free(1)[0]
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Failure(description: "pipe: errno \(errno)") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    lifeline = ends[1]
    try Program.spawn(
      [
        "/bin/sh", "-c",
        """
        trap '' INT TERM HUP
        cd \(directory)
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
          -subj "/CN=\(name)" -addext "subjectAltName=DNS:\(name)" \
          -keyout key.pem -out certificate.pem </dev/null
        openssl s_server -accept 127.0.0.1:\(port) -cert certificate.pem -key key.pem -www \
          </dev/null >/dev/null &
        child=$!
        read -r line
        rm -rf \(directory)
        kill -9 $child
        """,
      ], input: ends[0], output: log)
    let deadline = ContinuousClock.now + Self.startedWithin
    while !LoopbackPort.isListening(port) {
      guard ContinuousClock.now < deadline else {
        let log = Program.tail(of: log)
        close(lifeline)
        throw Failure(description: "no TLS server within \(Self.startedWithin): \(log)")
      }
      usleep(10_000)
    }
  }

  deinit {
    close(lifeline)
  }
}
