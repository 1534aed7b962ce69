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

  @Test("several hits in one word: the first one counts")
  func firstHit() {
    let bytes: [UInt8] = [0x41, 0x41, 0x0D, 0x0A, 0x80, 0x20, 0x00, 0x41]
    #expect(ByteScan.endOfFieldText(bytes.span, from: 0, to: 8) == 2)
    #expect(ByteScan.endOfTarget(bytes.span, from: 0, to: 8) == 2)
    #expect(ByteScan.endOfTarget(bytes.span, from: 4, to: 8) == 4)
  }
}
