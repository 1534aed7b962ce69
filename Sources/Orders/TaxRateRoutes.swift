import CoreHTTP
import ServiceKit
import SharedKernel

/// Tax rates over HTTP, for staff.
struct TaxRateRoutes: Sendable {
  let store: TaxRateRepository
  let within: @Sendable (Work) -> TaxRateRepository

  func add(to routes: inout Routes) {
    let records = RecordRoutes(
      path: "/tax-rates", what: "tax rate", readers: .staff, store: store, within: within,
      body: TaxRateBody.self, view: TaxRateView.self)
    records.add(to: &routes)
    records.addList(to: &routes)
  }
}

private struct TaxRateBody: RecordBody {
  let country: String
  let region: String?
  let basisPoints: Int
  let includedInPrice: Bool

  init(_ rate: TaxRate) {
    country = rate.country
    region = rate.region
    basisPoints = rate.basisPoints
    includedInPrice = rate.isIncludedInPrice
  }

  func draft() throws -> TaxRateDraft {
    try TaxRateDraft(
      country: country, region: region, basisPoints: basisPoints,
      isIncludedInPrice: includedInPrice)
  }
}

private struct TaxRateView: RecordView {
  let id: ID<TaxRate>
  let country: String
  let region: String?
  let basisPoints: Int
  let includedInPrice: Bool
  let version: Int

  init(_ rate: TaxRate) {
    id = rate.id
    country = rate.country
    region = rate.region
    basisPoints = rate.basisPoints
    includedInPrice = rate.isIncludedInPrice
    version = rate.version
  }

  var key: String { "\(id)" }
}
