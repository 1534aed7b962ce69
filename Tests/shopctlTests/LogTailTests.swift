import Foundation
import Testing

@testable import shopctl

struct LogTailTests {
  @Test("a follower gives whole lines as they come, and starts over with a new file")
  func follows() throws {
    let temporary = try TemporaryState()
    let path = temporary.state.logPath("order")
    try PrivateFile.write(Data("old\n".utf8), to: path)
    var follower = LogFollower(path)
    #expect(follower.newLines().isEmpty)
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data("one\ntw".utf8))
    #expect(follower.newLines() == ["one"])
    try file.write(contentsOf: Data("o\n".utf8))
    #expect(follower.newLines() == ["two"])
    try file.truncate(atOffset: 0)
    try file.write(contentsOf: Data("new\n".utf8))
    #expect(follower.newLines() == ["new"])
  }

  @Test("the last lines of a file, and none of a missing one")
  func tail() throws {
    let temporary = try TemporaryState()
    let path = temporary.state.logPath("order")
    #expect(LogTail.last(2, of: path).isEmpty)
    try PrivateFile.write(Data("a\nb\nc\n".utf8), to: path)
    #expect(LogTail.last(2, of: path) == ["b", "c"])
  }
}
