/// What happens to the upstream's state when a request arrives twice.
package enum Idempotency: Hashable, Sendable {
  /// Reads only.
  case safe
  /// A second arrival changes nothing: PUT, DELETE, or POST to a known id (api.md 1.5).
  case idempotent
  /// A second arrival is recognised by this key.
  case keyed(String)
  /// A second arrival does the work twice: never sent again once the first may have been processed.
  case unsafe

  /// Whether a request that the upstream may have processed may be sent again.
  package var mayBeResent: Bool { self != .unsafe }
}
