import CoreHTTP
import HTTPMessages
import JSONSyntax
import ServiceKit
import SharedKernel

/// What staff write of a record, which a patch is merged into as well.
protocol RecordBody<Record, Draft>: Codable, Sendable {
  associatedtype Record
  associatedtype Draft

  init(_ record: Record)
  /// - Throws: `ValidationFailure`.
  func draft() throws -> Draft
}

/// A record as it is answered.
protocol RecordView<Record>: Encodable, Sendable {
  associatedtype Record

  init(_ record: Record)
  var version: Int { get }
  /// The last part of its path.
  var key: String { get }
}

/// One record over HTTP: read, and by staff made, changed and removed.
struct RecordRoutes<
  Store: RecordStore, Body: RecordBody<Store.Record, Store.Draft>, View: RecordView<Store.Record>
>: Sendable {
  /// Such as `/coupons`.
  let path: String
  /// Such as `coupon`.
  let what: String
  /// Who may read one.
  let readers: Access
  let store: Store
  /// The same store within one transaction.
  let within: @Sendable (Work) -> Store
  let body: Body.Type
  let view: View.Type

  func add(to routes: inout Routes) {
    let one = "\(path)/{key}"
    routes.get(one, access: readers) { call in
      let view = View(try await record(call))
      if call.clientHas(version: view.version) {
        return .notModified(ETag(version: view.version))
      }
      return try .json(view, version: view.version)
    }
    routes.post(path, access: .staff, key: .optional) { call in
      let draft = try call.json(Body.self).draft()
      return try await call.idempotently { work in
        let view = View(try await within(work).insert(draft))
        return try .json(view, status: .created, version: view.version)
          .adding(.location, "\(path)/\(view.key)")
      }
    }
    routes.patch(one, access: .staff) { call in
      let old = try await record(call)
      let version = View(old).version
      try call.requireMatch(version: version)
      let merged = try written(old).merging(call.jsonValue())
      let draft = try JSONDecoding.decode(Body.self, from: merged).draft()
      guard let new = try await store.update(try key(call), at: version, to: draft) else {
        throw RecordError.changedMeanwhile
      }
      let view = View(new)
      return try .json(view, version: view.version)
    }
    routes.delete(one, access: .staff) { call in
      let version = View(try await record(call)).version
      try call.requireMatch(version: version)
      guard try await store.remove(try key(call), at: version) else {
        throw RecordError.changedMeanwhile
      }
      return .noContent
    }
  }

  /// All of them for staff, page by page.
  func addList(to routes: inout Routes) {
    routes.get(path, access: .staff) { call in
      let page = try await store.records(call.query(pageParameters).page())
      return try .page(page.map(View.init), of: call).counting(page.total)
    }
  }

  private func key(_ call: Call) throws -> Store.Key { try call.parameter("key") }

  private func record(_ call: Call) async throws -> Store.Record {
    guard let record = try await store.record(try key(call)) else { throw NotFound(what) }
    return record
  }

  /// What staff have written, as they would write it.
  private func written(_ record: Store.Record) throws -> JSONValue {
    try JSONParser.parse(try JSONEncoding.encode(Body(record)))
  }
}
