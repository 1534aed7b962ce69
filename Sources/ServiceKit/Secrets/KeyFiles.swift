import Glibc

/// The directory of keys that `shopctl keys` makes and KEYS_DIRECTORY names:
///
///     order-service.key        Ed25519 private key, PEM, 0600
///     order-service.secret     32 random bytes, 0600
///     peers/order-service.pub  its public key, PEM, 0644
///
/// A service needs its own two files and `peers`; it is given no more where they are mounted.
package enum KeyFiles {
  static let secretBytes = 32
  private static let fileBytesMax = 64 * 1024

  /// Makes what is missing and leaves what is there alone.
  ///
  /// - Returns: the paths of the files made, none when all were there.
  /// - Throws: `KeyFailure` that names the file.
  package static func create(
    in directory: String, services: [String]
  ) throws(KeyFailure) -> [String] {
    try makeDirectory(directory, mode: 0o700)
    try makeDirectory("\(directory)/peers", mode: 0o755)
    var made: [String] = []
    for service in services {
      let keyPath = "\(directory)/\(service).key"
      let secretPath = "\(directory)/\(service).secret"
      let publicPath = "\(directory)/peers/\(service).pub"
      var isNew = false
      if !exists(keyPath) {
        let key = SigningKey.generate()
        isNew = try write(Array(key.pem.utf8), to: keyPath, mode: 0o600)
        if isNew { made.append(keyPath) }
      }
      if !exists(secretPath) {
        let isMade = try write(randomBytes(secretBytes), to: secretPath, mode: 0o600)
        if isMade { made.append(secretPath) }
      }
      if isNew || !exists(publicPath) {
        let pem = try SigningKey(text: text(of: keyPath)).verifyingKey.pem
        _ = try write(Array(pem.utf8), to: publicPath, mode: 0o644, replacing: true)
        made.append(publicPath)
      }
    }
    return made
  }

  static func text(of path: String) throws(KeyFailure) -> String {
    guard let text = String(validating: try bytes(of: path), as: UTF8.self) else {
      throw .file(path: path, reason: "not text")
    }
    return text
  }

  static func bytes(of path: String) throws(KeyFailure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: fileBytesMax)
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes {
        read(descriptor, $0.baseAddress! + filled, $0.count - filled)
      }
      if count == 0 { return Array(bytes.prefix(filled)) }
      if count > 0 { filled += count } else if errno != EINTR { throw failure(path) }
    }
    throw .file(path: path, reason: "larger than \(fileBytesMax) bytes")
  }

  /// The names before `suffix` of the directory's files, in order.
  static func names(in directory: String, suffix: String) throws(KeyFailure) -> [String] {
    guard let stream = opendir(directory) else { throw failure(directory) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(suffix) { names.append(String(name.dropLast(suffix.count))) }
    }
    return names.sorted()
  }

  private static func exists(_ path: String) -> Bool {
    access(path, F_OK) == 0
  }

  private static func makeDirectory(_ path: String, mode: mode_t) throws(KeyFailure) {
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw failure(path) }
  }

  /// Writes a whole file or none: under another name first, then under its own.
  ///
  /// - Returns: false when, without `replacing`, another was quicker to make it.
  private static func write(
    _ bytes: [UInt8], to path: String, mode: mode_t, replacing: Bool = false
  ) throws(KeyFailure) -> Bool {
    let draft = "\(path).\(getpid()).new"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw failure(draft) }
    defer { unlink(draft) }
    let isWritten =
      Glibc.write(descriptor, bytes, bytes.count) == bytes.count
      && fchmod(descriptor, mode) == 0 && fsync(descriptor) == 0
    let isClosed = close(descriptor) == 0
    guard isWritten, isClosed else { throw failure(path) }
    let status = replacing ? rename(draft, path) : link(draft, path)
    if status == 0 { return true }
    if errno == EEXIST { return false }
    throw failure(path)
  }

  private static func failure(_ path: String) -> KeyFailure {
    .file(path: path, reason: String(cString: strerror(errno)))
  }
}
