import HTTPMessages
import Testing

@Suite("Whom an address belongs to")
struct PeerAddressPublicTests {
  @Test(
    "addresses of this machine, of private networks and of nobody are not public",
    arguments: [
      "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255",
      "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1",
      "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
      "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::7f00:1", "64:ff9b::7f00:1",
      "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::1",
      "3fff::1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1",
    ])
  func notPublic(text: String) throws {
    #expect(try !#require(PeerAddress(text)).isPublic)
  }

  @Test(
    "others are, those just beside the private networks included",
    arguments: [
      "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
      "126.255.255.255", "128.0.0.1", "169.253.0.1", "172.15.255.255", "172.32.0.1",
      "192.167.1.1", "192.169.1.1", "198.17.0.1", "198.20.0.1", "223.255.255.255",
      "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808", "2002:808:808::1",
    ])
  func isPublic(text: String) throws {
    #expect(try #require(PeerAddress(text)).isPublic)
  }
}
