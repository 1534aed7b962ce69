import EventLoops
import Glibc
import Testing

@Suite struct DescriptorWatchTests {
  @Test("a descriptor is reported while there is something to read, and no more once read")
  func readable() async {
    let loop = running()
    let bytes: [UInt8] = await withCheckedContinuation { continuation in
      loop.execute {
        let pair = SocketPair()
        let reader = Reader(pair.near) { continuation.resume(returning: $0) }
        reader.watch = loop.watch(pair.near, for: .readable, handler: reader)
        _ = write(pair.far, "ab", 2)
        loop.beforeWaiting { _ = write(pair.far, "cd", 2) }
      }
    }
    #expect(bytes == Array("abcd".utf8))
    loop.stop()
  }

  @Test("interest can be changed: nothing is reported without it")
  func interest() async {
    let loop = running()
    let calls: Int = await withCheckedContinuation { continuation in
      loop.execute {
        let pair = SocketPair()
        let counter = Counter()
        let watch = loop.watch(pair.near, for: .readable, handler: counter)
        watch.want([])
        _ = write(pair.far, "a", 1)
        loop.schedule(after: .milliseconds(5)) {
          let before = counter.calls
          watch.want(.writable)
          loop.schedule(after: .milliseconds(5)) {
            watch.cancel()
            watch.cancel()
            continuation.resume(returning: before == 0 && counter.calls > 0 ? 1 : 0)
          }
        }
      }
    }
    #expect(calls == 1)
    loop.stop()
  }

  @Test("a watch cancelled in the same wait that reported it is not called")
  func cancelledInTurn() async {
    let loop = running()
    let calls: Int = await withCheckedContinuation { continuation in
      loop.execute {
        let pairs = [SocketPair(), SocketPair()]
        let rivals = pairs.map { _ in Rival() }
        for (pair, rival) in zip(pairs, rivals) {
          rival.watch = loop.watch(pair.near, for: .readable, handler: rival)
          _ = write(pair.far, "a", 1)
        }
        rivals[0].other = rivals[1]
        rivals[1].other = rivals[0]
        loop.schedule(after: .milliseconds(5)) {
          continuation.resume(returning: rivals[0].calls + rivals[1].calls)
        }
      }
    }
    #expect(calls == 1)
    loop.stop()
  }

  @Test("an event about a closed descriptor is not another's that has its number")
  func numberUsedAgain() async {
    let loop = running()
    var calls: Int?
    // Another test may take the number first.
    for _ in 0..<100 where calls == nil { calls = await callsOfHeir(on: loop) }
    #expect(calls == 0)
    loop.stop()
  }

  /// - Returns: how often a handler was called about a descriptor that took the number of one that was closed in
  ///   the same turn; nil if the number went elsewhere.
  private func callsOfHeir(on loop: EventLoop) async -> Int? {
    await withCheckedContinuation { continuation in
      loop.execute {
        let pairs = [SocketPair(), SocketPair()]
        let heir = Counter()
        var numberIsSame = false
        // Whoever is called first closes the other, about which the same wait has an event.
        let closers = pairs.map { _ in
          Closer { closed in
            let pair = SocketPair()
            numberIsSame = pair.near == closed || pair.far == closed
            let descriptor = pair.near == closed ? pair.near : pair.far
            heir.watch = loop.watch(descriptor, for: .readable, handler: heir)
          }
        }
        for (pair, closer) in zip(pairs, closers) {
          closer.watch = loop.watch(pair.near, for: .readable, handler: closer)
          _ = write(pair.far, "a", 1)
        }
        closers[0].other = closers[1]
        closers[1].other = closers[0]
        loop.schedule(after: .milliseconds(5)) {
          continuation.resume(returning: numberIsSame ? heir.calls : nil)
        }
      }
    }
  }
}

/// Two connected, non-blocking sockets. They stay open until the process ends.
private struct SocketPair {
  let near: Int32
  let far: Int32

  init() {
    var descriptors: [Int32] = [0, 0]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
    #expect(socketpair(AF_UNIX, type, 0, &descriptors) == 0)
    near = descriptors[0]
    far = descriptors[1]
  }
}

/// Reads a byte at a time until there are four.
private final class Reader: DescriptorHandler {
  var watch: DescriptorWatch?
  private let descriptor: Int32
  private var bytes: [UInt8] = []
  private let done: ([UInt8]) -> Void

  init(_ descriptor: Int32, done: @escaping ([UInt8]) -> Void) {
    self.descriptor = descriptor
    self.done = done
  }

  func descriptorReady(_ readiness: Readiness) {
    var byte: UInt8 = 0
    guard read(descriptor, &byte, 1) == 1 else { return }
    bytes.append(byte)
    guard bytes.count == 4 else { return }
    watch?.cancel()
    done(bytes)
  }
}

private final class Counter: DescriptorHandler {
  var watch: DescriptorWatch?
  var calls = 0

  func descriptorReady(_ readiness: Readiness) { calls += 1 }
}

/// The first to be called ends both watches.
private final class Rival: DescriptorHandler {
  var watch: DescriptorWatch?
  weak var other: Rival?
  var calls = 0

  func descriptorReady(_ readiness: Readiness) {
    calls += 1
    watch?.cancel()
    other?.watch?.cancel()
  }
}

/// The first to be called closes the other's descriptor, and its own watch ends.
private final class Closer: DescriptorHandler {
  var watch: DescriptorWatch?
  weak var other: Closer?
  private let closed: (Int32) -> Void

  init(closed: @escaping (Int32) -> Void) {
    self.closed = closed
  }

  func descriptorReady(_ readiness: Readiness) {
    watch?.cancel()
    guard let theirs = other?.watch.take() else { return }
    theirs.close()
    closed(theirs.descriptor)
  }
}
