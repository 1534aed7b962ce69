import SharedKernel
import Testing

@Suite("UUIDs")
struct UUID128Tests {
  @Test("a UUID is read back from the text it was written as, in either case of letters")
  func roundTrip() {
    var random = SeededRandom(seed: 6)
    for _ in 0..<1000 {
      let uuid = UUID128(high: random.next(), low: random.next())
      #expect(UUID128(uuid.description) == uuid)
      #expect(UUID128(uuid.description.uppercased()) == uuid)
    }
  }

  @Test("the text is that of RFC 9562")
  func text() {
    let uuid = UUID128(high: 0x017F_22E2_79B0_7CC3, low: 0x98C4_DC0C_0C07_398F)
    #expect(uuid.description == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
    #expect(UUID128(high: 0, low: 1).description == "00000000-0000-0000-0000-000000000001")
  }

  @Test("the order is that of the text")
  func order() {
    var random = SeededRandom(seed: 7)
    let uuids = (0..<200).map { _ in
      UUID128(high: (random.next() % 4) << 62, low: random.next())
    }
    #expect(
      uuids.sorted().map(\.description) == uuids.map(\.description).sorted())
  }

  @Test("a new one is of version 7, of its variant, and keeps its millisecond")
  func version7() {
    let time = Timestamp(microseconds: 1_645_557_742_000_999)
    for _ in 0..<100 {
      let uuid = UUID128.v7(at: time)
      #expect(uuid.high >> 16 == 0x017F_22E2_79B0)
      #expect(uuid.high >> 12 & 0xF == 7)
      #expect(uuid.low >> 62 == 0b10)
    }
    #expect(Set((0..<1000).map { _ in UUID128.v7(at: time) }).count == 1000)
  }

  @Test("one made in a later millisecond is later")
  func grows() {
    var time = Timestamp(microseconds: 1_645_557_742_000_000)
    var last = UUID128.v7(at: time)
    for _ in 0..<1000 {
      time = time + .milliseconds(1)
      let next = UUID128.v7(at: time)
      #expect(last < next)
      last = next
    }
  }

  @Test(
    "what is no UUID is refused",
    arguments: [
      "", "017f22e279b07cc398c4dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
      "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
      "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}", "017f22e27-9b0-7cc3-98c4-dc0c0c07398f",
      "017f22e2-79b0-7cc3-98c4_dc0c0c07398f", "017f22e2-79b0-7cc3-98c4--c0c0c07398f",
      " 17f22e2-79b0-7cc3-98c4-dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n",
      "０17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    ])
  func refused(text: String) {
    #expect(UUID128(text) == nil)
  }
}
