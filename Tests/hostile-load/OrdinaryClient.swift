import Dispatch
import EventLoops
import Glibc
import Synchronization

/// The client beside the hostile ones: a request every 10 ms on a thread of its own, and how long
/// each took.
final class OrdinaryClient: Sendable {
  struct Figures {
    var times: [Duration] = []
    /// Not answered with 200 within `patienceSeconds`.
    var failures = 0

    /// - Parameter share: 0.99 for the time that 99 of 100 requests stay within.
    func percentile(_ share: Double) -> Duration {
      let sorted = times.sorted()
      guard !sorted.isEmpty else { return .zero }
      return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
  }

  private static let interval: Duration = .milliseconds(10)
  private static let patienceSeconds = 5
  /// Every so many requests, one comes on a new connection.
  private static let requestsPerConnection = 10

  private let port: UInt16
  private let reconnects: Bool
  private let isOver = Atomic<Bool>(false)
  private let figures = Mutex(Figures())
  private let thread = DispatchQueue(label: "ordinary-client")

  /// - Parameter reconnects: false: all on one connection, made now.
  init(port: UInt16, reconnects: Bool) {
    self.port = port
    self.reconnects = reconnects
    thread.async { self.work() }
  }

  /// Ends it and returns what it saw.
  func finish() async -> Figures {
    isOver.store(true, ordering: .relaxed)
    return await withCheckedContinuation { continuation in
      thread.async { continuation.resume(returning: self.figures.withLock { $0 }) }
    }
  }

  private func work() {
    var descriptor = connection()
    var count = 0
    while !isOver.load(ordering: .relaxed) {
      let start = MonotonicTime.now()
      count += 1
      if reconnects, count % Self.requestsPerConnection == 0 {
        close(descriptor)
        descriptor = connection()
      }
      let isGood = Self.exchange(on: descriptor)
      let time = MonotonicTime.now() - start
      figures.withLock { figures in
        figures.times.append(time)
        if !isGood { figures.failures += 1 }
      }
      if !isGood {
        close(descriptor)
        descriptor = connection()
      }
      if time < Self.interval {
        usleep(UInt32((Self.interval - time).wholeNanoseconds / 1000))
      }
    }
    close(descriptor)
  }

  private func connection() -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
    // A failure shows in the exchange.
    _ = withLoopbackAddress(port) { connect(descriptor, $0, $1) }
    return descriptor
  }

  private static let request = Array("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n".utf8)

  private static func exchange(on descriptor: Int32) -> Bool {
    guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
      return false
    }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    // The body, and with it the answer, ends so.
    while !answer.suffix(13).elementsEqual("Hello, World!".utf8) {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return false }
      answer += buffer[..<count]
    }
    return answer.starts(with: "HTTP/1.1 200 ".utf8)
  }
}
