import SharedKernel
import Testing

@testable import Notifications

@Suite("Templates of notices")
struct NoticeTemplateTests {
  private let confirmed: NoticeType

  init() throws {
    confirmed = try #require(NoticeType.named("order.confirmed"))
  }

  @Test("names are put in, with or without spaces, each time they stand there")
  func filling() throws {
    let template = try NoticeTemplate(
      subject: "{{number}}", body: "{{ name }}: {{number}}, {{  total }}, {{number}}",
      for: confirmed)
    let text = template.text(["number": "7", "name": "Ada", "total": "USD 1.0"])
    #expect(text.subject == "7")
    #expect(text.body == "Ada: 7, USD 1.0, 7")
  }

  @Test("what is put in is text: no template, no line of its own, no invisible characters")
  func escaping() throws {
    let template = try NoticeTemplate(
      subject: "{{ name }}", body: "Hello {{ name }}", for: confirmed)
    let text = template.text(["name": "{{ number }}\r\nBcc: eve@example.org\u{202E}\0"])
    #expect(text.subject == "{{ number }}Bcc: eve@example.org")
    #expect(text.body == "Hello {{ number }}Bcc: eve@example.org")
  }

  @Test(
    "a name that the notice does not have, and what is no name, are refused where they stand",
    arguments: [
      ("{{ tracking }}", "unknown_variable"), ("{{ Number }}", "unknown_variable"),
      ("{{ number", "malformed"), ("{{ 1 + 1 }}", "malformed"), ("{{}}", "malformed"),
      ("{{ number.length }}", "malformed"), ("{{{ number }}}", "malformed"),
      ("{{# number }}", "malformed"),
    ])
  func refused(body: String, code: String) {
    let error = #expect(throws: ValidationFailure.self) {
      try NoticeTemplate(subject: "fine", body: body, for: confirmed)
    }
    #expect(error?.faults.map(\.pointer) == ["/body"])
    #expect(error?.faults.map(\.code) == [code])
  }

  @Test("a subject is one line, and neither text is empty or endless")
  func lengths() {
    for (subject, body) in [
      ("", "x"), ("a\nb", "x"), (String(repeating: "a", count: 201), "x"), ("x", ""),
      ("x", String(repeating: "a", count: 10_001)),
    ] {
      #expect(throws: ValidationFailure.self) {
        try NoticeTemplate(subject: subject, body: body, for: confirmed)
      }
    }
  }
}
