/// The connections of all loops at one moment, for metrics and health.
package struct PoolStatistics: Sendable {
  /// Open connections for reads.
  package var readConnections = 0
  /// Open connections for transactions and writes, leased ones included.
  package var transactionConnections = 0
  /// Open connections for reports.
  package var reportConnections = 0
  /// Transactions and writes that hold a connection.
  package var leased = 0
  /// Transactions and writes that wait for one.
  package var waiting = 0
}

extension PoolStatistics {
  mutating func add(_ other: PoolStatistics) {
    readConnections += other.readConnections
    transactionConnections += other.transactionConnections
    reportConnections += other.reportConnections
    leased += other.leased
    waiting += other.waiting
  }
}
