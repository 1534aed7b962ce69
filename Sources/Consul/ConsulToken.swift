import Glibc
import Synchronization

/// The access token, from the settings or from a file that may be replaced while we run.
///
/// The file is small and local and is read in the course of a request that takes far longer.
final class ConsulToken: Sendable {
  private struct Held {
    var text: String?
    var modified: Int64 = .min
  }

  private let file: String?
  private let held: Mutex<Held>

  init(_ configuration: ConsulConfiguration) {
    file = configuration.tokenFile
    held = Mutex(Held(text: configuration.token))
  }

  /// The token as it is now: read anew if the file has changed.
  var current: String? {
    guard let file else { return held.withLock(\.text) }
    var status = stat()
    guard stat(file, &status) == 0 else { return held.withLock(\.text) }
    let modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    return held.withLock { held in
      if held.modified != modified, let text = Self.read(file) {
        held = Held(text: text, modified: modified)
      }
      return held.text
    }
  }

  /// Makes the next use read the file, whatever its time says: the agent refused what it held.
  func forget() {
    held.withLock { $0.modified = .min }
  }

  /// The first word of a file, of its first 4 KiB; nil if it has none, or cannot be read.
  static func read(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    guard count > 0 else { return nil }
    let text = String(decoding: bytes[..<count], as: UTF8.self)
    let word = text.drop(while: \.isWhitespace).prefix { !$0.isWhitespace }
    return word.isEmpty ? nil : String(word)
  }
}
