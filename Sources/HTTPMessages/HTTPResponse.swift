/// One answer. Its body is whole, or a stream; the sender adds what says where it ends, `Date` and
/// `Connection`.
package struct HTTPResponse: Sendable {
  /// Decides whether a body may follow.
  package var status: HTTPStatus
  /// The handler's own; those of framing are passed over.
  package var fields: HTTPFields
  /// Empty if the body is a stream.
  package var body: [UInt8]
  /// Server: a body that is made while it is sent.
  package var stream: HTTPBodyStream?
  /// Server: the pattern of the route that answered, for metrics and logs; never sent.
  package var route: String?

  /// An answer whose body is whole.
  package init(_ status: HTTPStatus, fields: HTTPFields = .init(), body: [UInt8] = []) {
    self.status = status
    self.fields = fields
    self.body = body
  }

  /// An answer whose body is made while it is sent.
  package init(_ status: HTTPStatus, fields: HTTPFields = .init(), stream: HTTPBodyStream) {
    self.init(status, fields: fields)
    self.stream = stream
  }
}
