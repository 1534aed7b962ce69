import SharedKernel
import Testing

@testable import Notifications

@Suite("Recipients")
struct NotificationTests {
  @Test("a recipient is read from the text that it is kept as")
  func roundTrip() {
    let id = UUID128.v7()
    for recipient in [Recipient.user(UserID(id)), .order("\(id)"), .staff] {
      #expect(Recipient(recipient.text) == recipient)
    }
  }

  @Test(
    "other text is none",
    arguments: ["", "user:", "user:1", "order:", "order:10001", "Staff", "staff ", "admin"])
  func others(text: String) {
    #expect(Recipient(text) == nil)
  }
}
