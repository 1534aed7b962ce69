import HTTPMessages
import Testing

@Suite struct PeerAddressTests {
  @Test(
    "an address is told as it was given, in its shortest form",
    arguments: [
      ("127.0.0.1", "127.0.0.1"), ("255.255.255.254", "255.255.255.254"), ("::1", "::1"),
      ("2001:0DB8:0::1", "2001:db8::1"), ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
      (
        "1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888"
      ),
    ])
  func text(given: String, told: String) {
    #expect(PeerAddress(given)?.description == told)
  }

  @Test("what is no address is none", arguments: ["", "localhost", "1.2.3", "1.2.3.4:80", "::g"])
  func none(text: String) {
    #expect(PeerAddress(text)?.description == nil)
  }
}
