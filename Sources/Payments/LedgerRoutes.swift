import HTTPMessages
import ServiceKit
import SharedKernel

/// The ledger over HTTP, for staff.
struct LedgerRoutes {
  let ledger: any LedgerBooks

  func add(to routes: inout Routes) {
    routes.get("/ledger/accounts", access: .staff) { try await accounts($0) }
    routes.get("/ledger/journals", access: .staff) { try await journals($0) }
    routes.get("/ledger/trial-balance", access: .staff) { try await trialBalance($0) }
  }

  private func accounts(_ call: Call) async throws -> HTTPResponse {
    let query = try call.query(Self.filterParameters.union(pageParameters))
    let page = try await ledger.accounts(try filter(query), page: try query.page())
    return try .page(page.map(AccountBody.init), of: call).counting(page.total)
  }

  private func journals(_ call: Call) async throws -> HTTPResponse {
    let query = try call.query(Self.filterParameters.union(pageParameters))
    let page = try await ledger.journals(try filter(query), page: try query.page())
    return try .page(page.map(JournalBody.init), of: call).counting(page.total)
  }

  private func trialBalance(_ call: Call) async throws -> HTTPResponse {
    let query = try call.query(Self.filterParameters)
    return try .json(TrialBalanceBody(try await ledger.trialBalance(try filter(query))))
  }

  private static let filterParameters: Set = ["paymentId", "from", "to", "currency"]

  private func filter(_ query: QueryParameters) throws(ValidationFailure) -> LedgerFilter {
    var filter = LedgerFilter()
    filter.paymentID = try query.value("paymentId")
    filter.from = try query.value("from")
    filter.to = try query.value("to")
    if let code = query.text("currency") {
      guard let currency = Currency(code) else {
        throw ValidationFailure("currency", "invalid", "is not a currency known here")
      }
      filter.currency = currency
    }
    return filter
  }
}
