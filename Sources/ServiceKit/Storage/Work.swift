package import Postgres

/// One database transaction, as routes and services pass it on without knowing Postgres: a slice's
/// composition root turns it into a store that is bound to it.
package struct Work {
  /// For composition roots alone; whoever gave the work out begins and ends it.
  package let transaction: Transaction

  package init(_ transaction: Transaction) {
    self.transaction = transaction
  }
}
