import EventLoops
import Testing

@Suite struct EventLoopGroupTests {
  @Test("a group has the loops it was asked for, and at least one")
  func count() {
    for (asked, made) in [(3, 3), (0, 1), (-1, 1)] {
      let group = EventLoopGroup(count: asked)
      #expect(group.loops.map(\.index) == Array(0..<made))
      group.stop()
    }
    let group = EventLoopGroup()
    #expect(group.loops.count >= 1)
    group.stop()
  }

  @Test("the preferred loop is the caller's own; elsewhere they take turns")
  func preferred() async {
    let group = EventLoopGroup(count: 2)
    let first = group.preferred
    #expect(group.preferred !== first)
    #expect(group.preferred === first)
    for loop in group.loops {
      #expect(await onLoop(loop) { group.preferred === loop })
    }
    let stranger = running()
    let chosen = await onLoop(stranger) { group.preferred }
    #expect(group.loops.contains { $0 === chosen })
    stranger.stop()
    group.stop()
  }
}
