/// One answer. Its body is whole; the sender adds `Content-Length`, `Date` and `Connection`.
package struct HTTPResponse: Sendable {
  package var status: HTTPStatus
  package var fields: HTTPFields
  package var body: [UInt8]
  /// Server: the pattern of the route that answered, for metrics and logs; never sent.
  package var route: String?

  package init(_ status: HTTPStatus, fields: HTTPFields = .init(), body: [UInt8] = []) {
    self.status = status
    self.fields = fields
    self.body = body
  }
}
