import EventLoops
import ServiceKit
import Testing

@Suite("Password hashes", .serialized)
struct PasswordHashTests {
  @Test("a password matches its own hash and no other")
  func roundTrip() async throws {
    let hash = try await PasswordHash.make(of: "correct horse ü")
    #expect(hash.text.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
    #expect(try await PasswordHash.verify("correct horse ü", against: hash))
    #expect(try await !PasswordHash.verify("correct horse u", against: hash))
    #expect(try await !PasswordHash.verify("", against: hash))
    #expect(try await PasswordHash.make(of: "correct horse ü") != hash)
    #expect(!hash.needsRehash)
  }

  @Test("no password matches an account that does not exist")
  func nobody() async throws {
    #expect(try await !PasswordHash.verify("", against: nil))
    #expect(try await !PasswordHash.verify("password", against: nil))
  }

  @Test("text that is no hash matches nothing and asks to be replaced")
  func noHash() async throws {
    for text in ["", "password", "$argon2id$v=19$m=19456,t=2,p=1$"] {
      #expect(try await !PasswordHash.verify("password", against: PasswordHash(text: text)))
      #expect(PasswordHash(text: text).needsRehash)
    }
  }

  @Test("a hash of smaller parameters is still right, and asks to be replaced")
  func smallerParameters() async throws {
    // Made with 8 MiB and 1 pass.
    let old = PasswordHash(
      text:
        "$argon2id$v=19$m=8192,t=1,p=1$xJFxqpTzG7/8w5r+NYY//Q$c1rtylIY+6c/Qyyi6rU9cldkeO4zlEWGqwpG/yXZJmY"
    )
    #expect(try await PasswordHash.verify("password", against: old))
    #expect(old.needsRehash)
  }

  @Test("a password that is too long costs nothing")
  func tooLong() async throws {
    let long = String(repeating: "a", count: PasswordHash.passwordBytesMax + 1)
    await #expect(throws: PasswordHashFailure.passwordTooLong) {
      try await PasswordHash.make(of: long)
    }
  }

  @Test("what waits to be hashed is bounded, and refused past that")
  func bounded() async {
    let group = EventLoopGroup(count: 1)
    defer { group.stop() }
    let refused = await withTaskGroup { tasks in
      for _ in 0..<100 {
        tasks.addTask(executorPreference: group.loops[0]) {
          do {
            _ = try await PasswordHash.verify("x", against: nil)
            return false
          } catch {
            return error as? PasswordHashFailure == .busy
          }
        }
      }
      return await tasks.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(refused > 0 && refused < 100)
  }
}
