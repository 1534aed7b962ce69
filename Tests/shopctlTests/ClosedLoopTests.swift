import Testing

@testable import shopctl

struct ClosedLoopTests {
  @Test("buyers go on until the time is over, each with one visit at a time")
  func backToBack() async {
    let desk = Desk()
    let began = ContinuousClock.now
    let visits = await ClosedLoop(buyers: 5, duration: .milliseconds(200)).run { index in
      await desk.serve(index, for: .milliseconds(1))
    }
    #expect(ContinuousClock.now - began >= .milliseconds(200))
    #expect(visits.sorted() == Array(visits.indices), "each number is given once")
    #expect(await desk.most <= 5)
  }

  @Test("a visit under way at the end is waited for, and none follows it")
  func late() async {
    let desk = Desk()
    let visits = await ClosedLoop(buyers: 3, duration: .milliseconds(50)).run { index in
      await desk.serve(index, for: .milliseconds(100))
    }
    #expect(await desk.begun == visits.count)
    #expect(visits.count <= 3)
  }
}

private actor Desk {
  private(set) var begun = 0
  private(set) var most = 0
  private var now = 0

  func serve(_ index: Int, for duration: Duration) async -> Int {
    begun += 1
    now += 1
    most = max(most, now)
    await pause(duration)
    now -= 1
    return index
  }
}
