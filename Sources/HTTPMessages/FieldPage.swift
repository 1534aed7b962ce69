/// The bytes of a message's fields, and where each line's parts are in them: one piece of memory, one
/// reference. (The shape is a database's slotted page: entries of fixed size, and the bytes they
/// point into.)
///
/// A page that several values share is never changed; see `HTTPFields`. Not for use outside of it:
/// the name is known to other modules only so that they can copy fields without a call.
package final class FieldPage: ManagedBuffer<FieldPage.Extent, HTTPFields.Line> {
  /// How much of the page is in use, and how much there is.
  package struct Extent {
    var lineCount = 0
    var byteCount = 0
    /// The bytes are the lines as they are sent, one behind the other, and nothing else.
    var isAsSent = true
    /// The first so many elements are lines; the bytes are in the elements behind them.
    let linesMax: Int
    let bytesMax: Int
  }

  private static let lineBytes = MemoryLayout<HTTPFields.Line>.stride

  /// - Returns: an empty page with room for at least so much.
  static func make(linesMax: Int, bytesMax: Int) -> FieldPage {
    let elements = linesMax + (bytesMax + lineBytes - 1) / lineBytes
    let extent = Extent(linesMax: linesMax, bytesMax: (elements - linesMax) * lineBytes)
    let page = unsafeDowncast(create(minimumCapacity: elements) { _ in extent }, to: FieldPage.self)
    UnsafeMutableRawPointer(page.lines + linesMax)
      .bindMemory(to: UInt8.self, capacity: extent.bytesMax)
    return page
  }

  // The three pointers are good for as long as somebody holds the page.

  /// A pointer, since each access to `header` would be checked for overlapping ones.
  var extent: UnsafeMutablePointer<Extent> { withUnsafeMutablePointerToHeader { $0 } }

  var lineCount: Int { extent.pointee.lineCount }
  var byteCount: Int { extent.pointee.byteCount }

  /// All lines of the page; those in use come first.
  var lines: UnsafeMutablePointer<HTTPFields.Line> {
    withUnsafeMutablePointerToElements { $0 }
  }

  /// All bytes of the page; those in use come first.
  var bytes: UnsafeMutablePointer<UInt8> {
    UnsafeMutableRawPointer(lines + extent.pointee.linesMax).assumingMemoryBound(to: UInt8.self)
  }

  /// Whether there is room for so much instead of what is there.
  func canHold(lines: Int, bytes: Int) -> Bool {
    extent.pointee.linesMax >= lines && extent.pointee.bytesMax >= bytes
  }

  /// Whether there is room for so much behind what is there.
  func hasRoom(lines: Int, bytes: Int) -> Bool {
    extent.pointee.linesMax - extent.pointee.lineCount >= lines
      && extent.pointee.bytesMax - extent.pointee.byteCount >= bytes
  }

  /// Takes these in place of what was there.
  ///
  /// - Precondition: there is room for them.
  func fill(_ newLines: Span<HTTPFields.Line>, _ newBytes: Span<UInt8>) {
    newLines.withUnsafeBufferPointer { source in
      if let start = source.baseAddress { lines.update(from: start, count: source.count) }
    }
    newBytes.withUnsafeBufferPointer { source in
      if let start = source.baseAddress { bytes.update(from: start, count: source.count) }
    }
    extent.pointee.lineCount = newLines.count
    extent.pointee.byteCount = newBytes.count
    extent.pointee.isAsSent = false
  }

  /// A page of its own with the same content and room for as much again, or for that much more.
  func copy(andRoomForLines moreLines: Int, bytes moreBytes: Int) -> FieldPage {
    let copy = FieldPage.make(
      linesMax: max(2 * lineCount, lineCount + moreLines),
      bytesMax: max(2 * byteCount, byteCount + moreBytes))
    copy.lines.update(from: lines, count: lineCount)
    copy.bytes.update(from: bytes, count: byteCount)
    copy.extent.pointee.lineCount = lineCount
    copy.extent.pointee.byteCount = byteCount
    copy.extent.pointee.isAsSent = extent.pointee.isAsSent
    return copy
  }

  /// Takes a line that was written behind the bytes in use.
  func add(_ line: HTTPFields.Line, bytes: Int) {
    lines[lineCount] = line
    extent.pointee.lineCount += 1
    extent.pointee.byteCount += bytes
  }
}
