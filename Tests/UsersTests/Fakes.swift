import SharedKernel
import Synchronization

@testable import Users

/// Attempts in memory, none of which grows old.
final class CountedAttempts: AttemptStore {
  private struct State {
    var noted: [AttemptNumber: (account: String, prefix: String)] = [:]
    var last: AttemptNumber = 0
  }

  private let state = Mutex(State())

  func note(
    account: String, prefix: String, if allows: @Sendable (Attempts) -> Bool
  ) async throws -> AttemptNumber? {
    state.withLock { state in
      let noted = state.noted.values
      let attempts = Attempts(
        accountAndPrefix: noted.count { $0.account == account && $0.prefix == prefix },
        account: noted.count { $0.account == account },
        prefix: noted.count { $0.prefix == prefix },
        registrationsOfPrefix: noted.count {
          $0.prefix == prefix && $0.account == AttemptLimits.registration
        })
      guard allows(attempts) else { return nil }
      state.last += 1
      state.noted[state.last] = (account, prefix)
      return state.last
    }
  }

  func withdraw(_ attempt: AttemptNumber) async throws {
    state.withLock { $0.noted[attempt] = nil }
  }
}
