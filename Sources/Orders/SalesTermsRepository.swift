import Postgres
import ServiceKit
import SharedKernel

/// Reads all that a quote needs of the schema `orders` at once.
struct SalesTermsRepository: SalesTermsStore {
  let database: Database

  func terms(
    to destination: PostalAddress?, coupon: CouponCode?, for customer: CouponCustomer?
  ) async throws -> SalesTerms {
    async let methods = ShippingMethodRepository(runner: database).all()
    async let rate = rate(destination)
    async let found = self.coupon(coupon, customer)
    let (known, uses) = try await found
    return SalesTerms(
      methods: try await methods, taxRate: try await rate, coupon: known, couponUses: uses)
  }

  private func rate(_ destination: PostalAddress?) async throws -> TaxRate? {
    guard let destination else { return nil }
    return try await TaxRateRepository(runner: database).rate(
      country: destination.country, region: destination.region)
  }

  private func coupon(
    _ code: CouponCode?, _ customer: CouponCustomer?
  ) async throws -> (Coupon?, Int) {
    guard let code else { return (nil, 0) }
    let coupons = CouponRepository(runner: database)
    async let coupon = coupons.record(code)
    guard let customer else { return (try await coupon, 0) }
    return (try await coupon, try await coupons.uses(of: code, by: customer))
  }
}
