import Glibc

/// Runs the cases of the kill matrix, one after another, on one running copy.
struct MatrixRun: Sendable {
  /// From the kill until nothing moves any more.
  static let restWithin: Duration = .seconds(60)
  /// How long a customer of a case goes on asking.
  static let patience: Duration = .seconds(45)
  private static let stock = 2_000

  let copy: RunningCopy
  let admin: AdminSession
  private let administration: AdminAPI
  private let blows: Blows
  private let shop: Storefront
  private let staff: StaffDesk

  init(copy: RunningCopy, admin: AdminSession) {
    self.copy = copy
    self.admin = admin
    administration = AdminAPI(ports: copy.plan.ports)
    shop = Storefront(ports: copy.plan.ports)
    staff = StaffDesk(shop)
    blows = Blows(
      state: copy.state, plan: copy.plan, administration: administration, told: { _, _, _ in })
  }

  /// All cases that this copy has, and the stock that they need.
  func prepare() async throws -> [KillMatrix.Case] {
    try await shop.receive(Self.stock, of: try await shop.products())
    var points: [(service: String, points: [String])] = []
    for service in ServiceEntry.all {
      points.append((service.short, try await administration.points(of: service.short)))
    }
    return KillMatrix.cases(points: points)
  }

  /// - Parameter index: distinguishes this case's purchase from the others'.
  func run(_ test: KillMatrix.Case, index: Int) async -> KillMatrix.Outcome {
    // Cancelled when the case is over.
    async let _: Void = blows.keepUp(test.service)
    do {
      return try await attempt(test, index)
    } catch let trouble as Trouble {
      return .failed([trouble.cause] + trouble.evidence)
    } catch {
      return .failed(["\(error)"])
    }
  }

  private func attempt(_ test: KillMatrix.Case, _ index: Int) async throws -> KillMatrix.Outcome {
    let purchase = Purchase(
      index: index, due: .zero, items: [.init(productID: index % 20 + 1, quantity: 1)],
      paymentToken: "tok_ok", isRegretted: test.flow == .cancel)
    let shopper = Shopper(shop: shop, staff: staff, patientUntil: .now + Self.patience)
    let startsBefore = starts(of: test.service)
    var experience: Shopper.Experience
    switch test.flow {
    case .checkout:
      _ = try await administration.add(test.rule, to: test.service)
      experience = await shopper.visit(purchase)
    case .cancel, .ship, .refund:
      let bought = await shop.checkOut(purchase)
      guard bought.kind == .confirmed, let id = bought.orderID, let token = bought.orderToken else {
        return .failed(["nothing was done yet, and the checkout was answered \(bought.note)"])
      }
      experience = Shopper.Experience(
        key: shop.key(of: purchase), ending: .confirmed, orderIDs: [id], tries: 1)
      if test.flow == .refund {
        await shopper.follow(.shipped, id, &experience)
        guard experience.ending == .shipped else {
          return .failed(["nothing was done yet, and shipping was answered \(experience.lastNote)"])
        }
      }
      _ = try await administration.add(test.rule, to: test.service)
      switch test.flow {
      case .cancel: await shopper.regret(id, token: token, &experience)
      case .ship: await shopper.follow(.shipped, id, &experience)
      // Its shipment has this key too, and is there already.
      case .refund, .checkout: await shopper.follow(.refunded, id, &experience)
      }
    }
    var faults = await AtRest(admin: admin).wait(atMost: Self.restWithin)
    let hasDied = try hasBeenKilled(test.service, since: startsBefore)
    faults += await blows.mend()
    // The same key again, now that all is well, is the same order.
    let again = await shop.checkOut(purchase)
    if let id = again.orderID, again.kind.isFinal {
      experience.orderIDs.insert(id)
    } else {
      faults.append("the same key again was answered \(again.note), and names no order")
    }
    let known = experience
    let (found, rows) = try await admin.snapshot { transaction in
      (
        try await Verification(Check.all, in: transaction, shownMax: 1),
        try await ClientsView.rows(ofRun: known.key, in: transaction)
      )
    }
    faults += ClientsView([known], rows.filter { $0.key == known.key }).differences
    let wanted: Shopper.Experience.Ending =
      switch test.flow {
      case .checkout: .confirmed
      case .cancel: .cancelled
      case .ship: .shipped
      case .refund: .refunded
      }
    if known.ending != wanted {
      faults.append("it ended \(known.ending.rawValue): \(known.lastNote)")
    }
    faults += found.unproven.map { "nothing proven: \($0)" }
    faults += found.results.filter { $0.verdict == .violated }.flatMap { result in
      result.violations.map { "\(result.id): \($0.what)" }
    }
    guard faults.isEmpty else { return .failed(faults) }
    return hasDied ? .survived : .notPassed
  }

  /// Which run of the service this is.
  private func starts(of service: String) -> Int { record(of: service)?.restarts ?? 0 }

  /// - Throws: `Trouble` where it ended in another way, which no case asks for.
  private func hasBeenKilled(_ service: String, since startsBefore: Int) throws -> Bool {
    guard let record = record(of: service), record.restarts != startsBefore else { return false }
    let end = record.lastEnd ?? "without a word"
    guard end.hasPrefix("signal \(SIGKILL) ") else {
      throw Trouble("\(service) was to be killed, and ended: \(end)")
    }
    return true
  }

  private func record(of service: String) -> ProcessRecord? {
    PrivateFile.read(ProcessRecord.self, from: copy.state.recordPath(service))
  }
}
