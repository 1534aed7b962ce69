import Foundation

/// Small files that are replaced as a whole, so that a reader never sees half of one.
enum PrivateFile {
  /// Writes `bytes` to `path`, readable by the owner alone unless `mode` says otherwise.
  static func write(_ bytes: some DataProtocol, to path: String, mode: mode_t = 0o600) throws {
    let draft = "\(path).\(getpid())"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw Trouble("cannot write \(path): \(errnoText())") }
    defer { close(descriptor) }
    var rest = Data(bytes)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard written > 0 else { throw Trouble("cannot write \(path): \(errnoText())") }
      rest = rest.dropFirst(written)
    }
    // The mode given to open is cut by the umask, and not applied to a draft left behind.
    fchmod(descriptor, mode)
    guard rename(draft, path) == 0 else { throw Trouble("cannot write \(path): \(errnoText())") }
  }

  static func write<T: Encodable>(json value: T, to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    try write(encoder.encode(value), to: path)
  }

  /// The value stored at `path`; nil when there is no file, or one of an older shape.
  static func read<T: Decodable>(_: T.Type, from path: String) -> T? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    // A file of an older shape is as good as none: it is written anew at the next start.
    return try? decoder.decode(T.self, from: data)
  }

  static func errnoText() -> String { String(cString: strerror(errno)) }
}

/// An exclusive lock on a state directory, held until `release` or the end of the process.
struct StateLock: ~Copyable {
  private let descriptor: Int32

  /// - Throws: `Trouble` naming the holder when another `up` or `down` is at work.
  init(_ state: StateDirectory) throws {
    // Close-on-exec: a daemon that inherited it would hold the lock for ever.
    descriptor = open(state.lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw Trouble("cannot open \(state.lockPath): \(PrivateFile.errnoText())")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      var bytes = [UInt8](repeating: 0, count: 32)
      let count = pread(descriptor, &bytes, bytes.count, 0)
      let holder = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
      close(descriptor)
      throw Trouble(
        "another ./shop up or down is at work here (pid \(holder.isEmpty ? "?" : holder)).",
        next: ["Wait for it to end, or end it: kill \(holder)"])
    }
    ftruncate(descriptor, 0)
    let holder = Array(String(getpid()).utf8)
    pwrite(descriptor, holder, holder.count, 0)
  }

  deinit { close(descriptor) }
}
