import HTTPMessages
import Testing

@testable import CoreHTTP

@Suite struct ByteScanTests {
  @Test("the token lookup agrees with RFC 9110 section 5.6.2 for every byte")
  func tokens() {
    for byte in UInt8.min...UInt8.max {
      #expect(ByteSet.token.contains(byte) == HTTPToken.isTokenByte(byte))
    }
  }

  @Test("eight bytes at a time find the same end as one at a time, at every place")
  func words() {
    for byte in UInt8.min...UInt8.max {
      for place in 0..<19 {
        var bytes = [UInt8](repeating: 0xC3, count: 19)
        bytes[place] = byte
        let endsValue = !HTTPFields.isValueByte(byte) || byte == 0x09
        #expect(
          ByteScan.endOfFieldText(bytes.span, from: 0, to: 19) == (endsValue ? place : 19))
        bytes = [UInt8](repeating: 0x7E, count: 19)
        bytes[place] = byte
        let endsTarget = byte <= 0x20 || byte >= 0x7F || byte == UInt8(ascii: "#")
        #expect(ByteScan.endOfTarget(bytes.span, from: 0, to: 19) == (endsTarget ? place : 19))
      }
    }
  }

  @Test("a path's and a segment's closer looks begin at the right byte, at every place")
  func paths() {
    for byte in UInt8.min...UInt8.max {
      for place in 0..<19 {
        var bytes = [UInt8](repeating: 0x61, count: 19)
        bytes[place] = byte
        let endsPath = [0x25, 0x2E, 0x3F].contains(byte)
        #expect(ByteScan.endOfPlainPath(bytes.span, from: 0, to: 19) == (endsPath ? place : 19))
        let endsSegment = [0x25, 0x2F].contains(byte)
        #expect(ByteScan.endOfPlainSegment(bytes.span, from: 0) == (endsSegment ? place : 19))
      }
    }
  }

  @Test("a token's and a plain host's end are found at every place")
  func tokensAndHosts() {
    for byte in UInt8.min...UInt8.max {
      let isOfHost =
        byte == 0x2D || byte == 0x2E || (0x30...0x39).contains(byte)
        || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
      for place in 0..<19 {
        var bytes = [UInt8](repeating: 0x61, count: 19)
        bytes[place] = byte
        #expect(
          ByteScan.endOfToken(bytes.span, from: 0, to: 19)
            == (HTTPToken.isTokenByte(byte) ? 19 : place))
        // It looks at whole words only.
        let hostEnd = ByteScan.endOfPlainHost(bytes.span, from: 0, to: 19)
        #expect(hostEnd == (isOfHost || place >= 16 ? 16 : place))
      }
    }
  }

  @Test("text is compared without regard to case, and no other byte passes for one of its letters")
  func caseless() {
    let text: StaticString = "keep-alive:0/chunked"
    let lower = Array("keep-alive:0/chunked".utf8)
    for byte in UInt8(0x20)...UInt8.max {
      for place in lower.indices {
        var bytes = lower
        bytes[place] = byte
        let lowered = (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
        let isEqual = bytes.span.equals(bytes.indices, text)
        #expect(isEqual == (lowered == lower[place]))
      }
    }
    let isShorterEqual = lower.span.equals(0..<lower.count - 1, text)
    #expect(!isShorterEqual)
  }

  @Test("bytes are equal when each of them is")
  func equality() {
    func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.span.equals(right.span) }
    for count in 0...20 {
      let bytes = (0..<count).map { UInt8($0) }
      #expect(areEqual(bytes, bytes))
      #expect(!areEqual(bytes, bytes + [0]))
      for place in 0..<count {
        var other = bytes
        other[place] ^= 0x80
        #expect(!areEqual(bytes, other))
      }
    }
  }

  @Test("reg-name is unreserved and sub-delims (RFC 3986 section 3.2.2)")
  func registeredNames() {
    for byte in UInt8.min...UInt8.max {
      let isDelimiter = "!$&'()*+,;=".utf8.contains(byte)
      #expect(
        ByteSet.registeredName.contains(byte) == (PercentEncoding.isUnreserved(byte) || isDelimiter)
      )
    }
  }

  @Test("several hits in one word: the first one counts")
  func firstHit() {
    let bytes: [UInt8] = [0x41, 0x41, 0x0D, 0x0A, 0x80, 0x20, 0x00, 0x41]
    #expect(ByteScan.endOfFieldText(bytes.span, from: 0, to: 8) == 2)
    #expect(ByteScan.endOfTarget(bytes.span, from: 0, to: 8) == 2)
    #expect(ByteScan.endOfTarget(bytes.span, from: 4, to: 8) == 4)
  }
}
