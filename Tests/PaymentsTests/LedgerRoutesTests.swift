import HTTPMessages
import Postgres
import ServiceKit
import SharedKernel
import Testing

@testable import Payments

@Suite("The ledger's routes")
struct LedgerRoutesTests {
  /// What these tests read of a journal.
  private struct JournalView: Decodable {
    struct Line: Decodable, Equatable {
      let account: String
      let amount: Int64
    }
    let id: String
    let operationId: OperationID
    let paymentId: PaymentID
    let kind: String
    let currency: String
    let lines: [Line]
  }

  private struct AccountView: Decodable {
    let id: Int
    let account: String
    let currency: String
    let debit: Int64
    let credit: Int64
    let balance: Int64
  }

  @Test("the trial balance is for staff, and balances")
  func trialBalance() async throws {
    struct Balance: Decodable {
      struct Account: Decodable {
        let account: String
        let balance: Int64
      }
      let balanced: Bool
      let accounts: [Account]
    }
    let routes = try await RoutesBench()
    let id = PaymentID.new()
    _ = try await routes.authorize(id: id)
    let target = "/ledger/trial-balance?paymentId=\(id)"
    let answer = try await routes.send(.get, target, as: RoutesBench.staff)
    let balance = try answer.decoded(as: Balance.self)
    #expect(balance.balanced)
    #expect(balance.accounts.first { $0.account == "auth_hold" }?.balance == 1000)
    #expect(
      try await routes.send(.get, target, as: UserID.new().description).status.code == 403)
    let refused = try await routes.send(
      .get, "/ledger/trial-balance?currency=XXX", as: RoutesBench.staff)
    #expect(refused.problemKind == .validationFailed)
  }

  @Test("a payment's journals are told, the newest first, each with lines that add up to nothing")
  func journals() async throws {
    let bench = try await PaymentBench.shared()
    let routes = try await RoutesBench(bench)
    let payment = try await bench.captured()
    let refund = OperationID.new()
    _ = try await bench.service().refund(payment.id, refund, amount: 300)
    let answer = try await routes.send(
      .get, "/ledger/journals?paymentId=\(payment.id)&total=true", as: RoutesBench.staff)
    let journals = try answer.decoded(as: [JournalView].self)
    #expect(journals.map(\.kind) == ["refund", "capture", "authorize"])
    #expect(journals.allSatisfy { $0.paymentId == payment.id && $0.currency == "USD" })
    #expect(journals[0].operationId == refund)
    #expect(
      journals[0].lines == [
        .init(account: "customer_funds", amount: 300),
        .init(account: "provider_clearing", amount: -300),
      ])
    #expect(journals.allSatisfy { $0.lines.reduce(0) { $0 + $1.amount } == 0 })
    #expect(answer.fields["X-Total-Count"] == "3")
  }

  @Test("journals come page by page, each once, and within the times and the currency asked for")
  func pages() async throws {
    let bench = try await PaymentBench.fresh()
    let routes = try await RoutesBench(bench)
    for _ in 0..<5 { _ = try await bench.authorize() }
    let all: [String] = try await bench.database.values(
      "SELECT id::text FROM ledger_journals ORDER BY at DESC, id DESC")
    var target = "/ledger/journals?limit=2"
    var seen: [[String]] = []
    while true {
      let answer = try await routes.send(.get, target, as: RoutesBench.staff)
      seen.append(try answer.decoded(as: [JournalView].self).map(\.id))
      guard let link = answer.fields[.link] else { break }
      let url = try #require(link.split(separator: "<").last?.split(separator: ">").first)
      target = String(url)
    }
    #expect(seen.map(\.count) == [2, 2, 1])
    #expect(seen.flatMap(\.self) == all)
    for nothing in [
      "currency=EUR", "from=2999-01-01T00:00:00Z", "to=2000-01-01T00:00:00Z",
    ] {
      let answer = try await routes.send(
        .get, "/ledger/journals?\(nothing)", as: RoutesBench.staff)
      #expect(try answer.decoded(as: [JournalView].self).isEmpty, "\(nothing)")
    }
    let between = try await routes.send(
      .get, "/ledger/journals?currency=USD&from=2000-01-01T00:00:00Z&to=2999-01-01T00:00:00Z",
      as: RoutesBench.staff)
    #expect(try between.decoded(as: [JournalView].self).count == 5)
  }

  @Test("all accounts are told, with what the entries asked for add up to")
  func accounts() async throws {
    let bench = try await PaymentBench.fresh()
    let routes = try await RoutesBench(bench)
    let payment = try await bench.captured()
    _ = try await bench.authorize(amount: 500)
    func accounts(_ query: String) async throws -> [String: AccountView] {
      let answer = try await routes.send(.get, "/ledger/accounts?\(query)", as: RoutesBench.staff)
      let list = try answer.decoded(as: [AccountView].self)
      #expect(list.map(\.id) == list.map(\.id).sorted())
      return Dictionary(uniqueKeysWithValues: list.map { ($0.account, $0) })
    }
    let all = try await accounts("currency=USD")
    #expect(
      all.mapValues(\.balance) == [
        "auth_hold": 500, "auth_hold_contra": -500, "provider_clearing": 1000,
        "customer_funds": -1000,
      ])
    #expect(all["auth_hold"].map { [$0.debit, $0.credit] } == [1500, 1000])
    let ofOne = try await accounts("paymentId=\(payment.id)")
    #expect(ofOne["auth_hold"]?.balance == 0 && ofOne["provider_clearing"]?.balance == 1000)
    let before = try await accounts("to=2000-01-01T00:00:00Z")
    #expect(before.count == 4 && before.values.allSatisfy { $0.debit == 0 && $0.credit == 0 })
    #expect(try await accounts("currency=EUR").isEmpty)

    let first = try await routes.send(.get, "/ledger/accounts?limit=3", as: RoutesBench.staff)
    #expect(try first.decoded(as: [AccountView].self).count == 3)
    #expect(first.fields[.link] != nil)
  }

  @Test(
    "it is for staff alone, and nothing unknown is passed over",
    arguments: ["accounts", "journals"])
  func refused(list: String) async throws {
    let routes = try await RoutesBench()
    let target = "/ledger/\(list)"
    #expect(try await routes.send(.get, target, as: nil).status.code == 401)
    #expect(try await routes.send(.get, target, as: "\(UserID.new())").status.code == 403)
    #expect(try await routes.send(.get, target).status.code == 403)
    for query in ["currency=XXX", "from=yesterday", "paymentId=1", "limit=0", "cursor=x", "page=2"]
    {
      let answer = try await routes.send(.get, "\(target)?\(query)", as: RoutesBench.staff)
      #expect(answer.problemKind == .validationFailed, "\(query)")
    }
  }
}
