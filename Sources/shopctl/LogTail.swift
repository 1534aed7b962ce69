import Foundation

/// The ends of log files.
enum LogTail {
  /// The last `count` lines of a file, out of its last 64 KiB; none when there is no file.
  static func last(_ count: Int, of path: String) -> [String] {
    guard let file = FileHandle(forReadingAtPath: path) else { return [] }
    // A file that cannot be read to its end has nothing to show.
    guard let length = try? file.seekToEnd() else { return [] }
    try? file.seek(toOffset: length > 65536 ? length - 65536 : 0)
    let data = (try? file.readToEnd()) ?? Data()
    return String(decoding: data, as: UTF8.self).split(separator: "\n").suffix(count)
      .map(String.init)
  }
}
