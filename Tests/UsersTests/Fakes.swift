import SharedKernel
import Synchronization

@testable import Users

/// Attempts in memory, none of which grows old.
final class CountedAttempts: AttemptStore {
  private struct State {
    var noted: [AttemptNumber: (account: String, prefix: String, hasFailed: Bool)] = [:]
    var last: AttemptNumber = 0
  }

  private let state = Mutex(State())

  func note(
    account: String, prefix: String, if allows: @Sendable (Attempts) -> AttemptVerdict
  ) async throws -> AttemptNote {
    state.withLock { state in
      let noted = state.noted.values
      func count(
        where holds: ((account: String, prefix: String, hasFailed: Bool)) -> Bool
      ) -> Attempts.Count {
        let matching = noted.filter(holds)
        return Attempts.Count(all: matching.count, failed: matching.count { $0.hasFailed })
      }
      let attempts = Attempts(
        accountAndPrefix: count { $0.account == account && $0.prefix == prefix },
        account: count { $0.account == account },
        passwordsOfPrefix: count {
          $0.prefix == prefix && $0.account != AttemptLimits.registration
            && !$0.account.hasPrefix(AttemptLimits.mail)
        },
        prefix: count { $0.prefix == prefix })
      switch allows(attempts) {
      case .refused: return .refused
      case .later: return .later
      case .allowed:
        state.last += 1
        state.noted[state.last] = (account, prefix, false)
        return .noted(state.last)
      }
    }
  }

  func fail(_ attempt: AttemptNumber) async throws {
    state.withLock { $0.noted[attempt]?.hasFailed = true }
  }

  func withdraw(_ attempt: AttemptNumber) async throws {
    state.withLock { $0.noted[attempt] = nil }
  }
}
