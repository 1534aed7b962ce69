import SharedKernel
import Synchronization

@testable import Users

/// Attempts in memory, none of which grows old.
final class CountedAttempts: AttemptStore {
  private let noted = Mutex<[(account: String, prefix: String)]>([])

  func attempts(account: String, prefix: String) async throws -> Attempts {
    noted.withLock { noted in
      Attempts(
        accountAndPrefix: noted.count { $0.account == account && $0.prefix == prefix },
        account: noted.count { $0.account == account },
        prefix: noted.count { $0.prefix == prefix })
    }
  }

  func note(account: String, prefix: String) async throws {
    noted.withLock { $0.append((account, prefix)) }
  }
}
