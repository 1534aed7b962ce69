import Metrics
import Postgres
import Resilience

/// What every service measures besides its requests: breakers, retries, feeds, the pool, the process.
enum ServiceMetrics {
  static func make(
    _ context: ServiceContext, kit: RequestKit, stored: StoredGauges
  ) -> PrometheusMetrics {
    let metrics = PrometheusMetrics()
    metrics.collectProcess()
    metrics.collect { stored.write(into: &$0) }
    metrics.collect { [lags = context.consumerLags] text in
      text.gauge(
        "consumer_lag", help: "Positions between this consumer and the head of a feed it reads.",
        lags.all.map { ([("source", $0.key)], Double($0.value)) })
    }
    metrics.collect { [database = context.database, peers = context.peers] text in
      let pool = database.statistics
      text.gauge(
        "db_connections", help: "Open connections to the database.",
        [
          ([("lane", "read")], Double(pool.readConnections)),
          ([("lane", "transaction")], Double(pool.transactionConnections)),
          ([("lane", "report")], Double(pool.reportConnections)),
        ])
      text.gauge(
        "db_leases", help: "Transactions and writes that hold a connection.",
        [([], Double(pool.leased))])
      text.gauge(
        "db_waiters", help: "Transactions and writes that wait for a connection.",
        [([], Double(pool.waiting))])
      statements(database.statementStatistics, into: &text)
      let load = kit.load
      text.gauge(
        "http_requests_in_flight", help: "Requests being answered: at work, or waiting as asked.",
        [
          ([("kind", "working")], Double(load.working)),
          ([("kind", "waiting")], Double(load.waiting)),
        ])
      let ended = peers.deadlineCounts
      text.counter(
        "deadline_exceeded_total",
        help:
          "Requests and calls whose time was used up: of callers here, on the way to a peer, in a queue.",
        [
          ([("where", "server")], Double(kit.deadlinesExceeded)),
          ([("where", "client")], Double(ended[.client, default: 0])),
          ([("where", "queue")], Double(ended[.queue, default: 0])),
        ])
      text.counter(
        "requests_shed_total", help: "Requests turned away because too many were under way.",
        [([], Double(kit.requestsShed))])
    }
    metrics.collect { [peers = context.peers] text in
      breakers(
        peers.pipelines.map { ($0.target, $0.pipeline.circuitBreaker.snapshot) }, into: &text)
      text.counter(
        "resilience4j_retry_calls_total", help: "Logical calls by how they ended.",
        peers.registry.retries.flatMap { retry -> [(labels: [(String, String)], value: Double)] in
          let totals = retry.totals
          return [
            ("successful_without_retry", totals.successfulWithoutRetry),
            ("successful_with_retry", totals.successfulWithRetry),
            ("failed_without_retry", totals.failedWithoutRetry),
            ("failed_with_retry", totals.failedWithRetry),
          ].map { ([("name", retry.name), ("kind", $0.0)], Double($0.1)) }
        })
      retries(peers.registry.retries, into: &text)
      endpoints(peers.discovery(), peers.observed, into: &text)
      discovery(peers, into: &text)
    }
    return metrics
  }

  private static func retries(_ retries: [Retry], into text: inout PrometheusText) {
    text.counter(
      "retry_attempts_total",
      help: "Attempts after the first, refused ones included, by how the one before had failed.",
      retries.flatMap { retry in
        let after = retry.totals.retriesAfter
        return FailureClass.allCases.filter(\.isEverRetried).map {
          ([("name", retry.name), ("reason", $0.rawValue)], Double(after[$0, default: 0]))
        }
      })
    text.gauge(
      "retry_budget_balance", help: "Retries that would be granted now.",
      retries.compactMap { retry in
        retry.budgetBalance.map { ([("name", retry.name)], Double($0)) }
      })
    text.counter(
      "retry_budget_denied_total", help: "Retries that the budget did not grant.",
      retries.map { ([("name", $0.name)], Double($0.totals.budgetDenied)) })
    text.counter(
      "retry_refused_total", help: "Retries that an open circuit or the like did not let through.",
      retries.map { ([("name", $0.name)], Double($0.totals.refused)) })
  }

  private static func endpoints(
    _ peers: [PeerEndpoints.View], _ observed: [Peers.Observed], into text: inout PrometheusText
  ) {
    text.gauge(
      "lb_endpoints",
      help: "Known instances of a peer; draining ones have left the list and still have calls.",
      peers.flatMap { peer in
        let ejected = peer.instances.count { $0.isEjected }
        return [("healthy", peer.instances.count - ejected), ("ejected", ejected)].map {
          ([("name", peer.service), ("state", $0.0)], Double($0.1))
        }
      }
        + observed.map { ([("name", $0.peer), ("state", "draining")], Double($0.draining)) })
    text.gauge(
      "lb_panic", help: "1 while ejections are ignored because too few instances are healthy.",
      observed.map { ([("name", $0.peer)], $0.isPanicking ? 1 : 0) })
    text.counter(
      "outlier_ejections_total", help: "Instances that were put aside, by the reason.",
      observed.flatMap { peer in
        BalancerEvent.EjectionReason.allCases.map {
          ([("name", peer.peer), ("reason", $0.rawValue)], Double(peer.ejections[$0, default: 0]))
        }
      })
  }

  private static func discovery(_ peers: Peers, into text: inout PrometheusText) {
    let observed = peers.observed
    text.gauge(
      "consul_watch_age_seconds",
      help: "Since Consul last confirmed a peer's list: up to a minute while nothing changes.",
      observed.compactMap { peer in
        peer.watchAge.map { ([("name", peer.peer)], $0 / .seconds(1)) }
      })
    text.counter(
      "consul_watch_updates_total", help: "Lists of a peer's instances that differed.",
      observed.compactMap { peer in peer.watch.map { ([("name", peer.peer)], Double($0.updates)) } }
    )
    text.counter(
      "consul_watch_errors_total", help: "Polls of a watch that failed.",
      observed.flatMap { peer in
        (peer.watch?.errors ?? [:]).sorted { $0.key < $1.key }.map {
          ([("name", peer.peer), ("class", $0.key)], Double($0.value))
        }
      })
    text.counter(
      "consul_index_resets_total", help: "How often Consul's index went back.",
      observed.compactMap { peer in
        peer.watch.map { ([("name", peer.peer)], Double($0.indexResets)) }
      })
    text.gauge(
      "consul_leader", help: "1 while this instance does the work that one does for all.",
      peers.singletons.sorted { $0.key < $1.key }.map { ([("work", $0.key)], $0.value ? 1 : 0) })
    text.gauge(
      "consul_registered", help: "1 while Consul holds this instance.",
      peers.isRegistered.map { [([], $0 ? 1 : 0)] } ?? [])
    text.counter(
      "consul_registrations_total", help: "Registrations of this instance, by the reason.",
      peers.registrationCounts.sorted { $0.key.rawValue < $1.key.rawValue }.map {
        ([("reason", $0.key.rawValue)], Double($0.value))
      })
  }

  /// Names are of the program's text, so they are as many as it has.
  static func statements(_ statistics: [StatementStatistics], into text: inout PrometheusText) {
    text.histogram(
      "db_client_operation_duration_seconds",
      help:
        "Time from asking for a named statement to its answer, the wait for a connection included.",
      bounds: StatementStatistics.bounds,
      statistics.map { ([("name", $0.name)], $0.counts, $0.seconds) })
    text.counter(
      "db_client_operation_errors_total", help: "Named statements that failed, by whosever fault.",
      statistics.map { ([("name", $0.name)], Double($0.errors)) })
  }

  private static func breakers(
    _ snapshots: [(String, CircuitBreaker.Metrics)], into text: inout PrometheusText
  ) {
    text.gauge(
      "resilience4j_circuitbreaker_state", help: "1 for the state that the breaker is in.",
      snapshots.flatMap { name, snapshot in
        CircuitBreaker.State.allCases.map {
          ([("name", name), ("state", $0.rawValue)], snapshot.state == $0 ? 1 : 0)
        }
      })
    text.gauge(
      "resilience4j_circuitbreaker_failure_rate",
      help: "Per cent of the window's calls; -1 while there are too few.",
      snapshots.map { ([("name", $0.0)], $0.1.failureRate) })
    text.gauge(
      "resilience4j_circuitbreaker_slow_call_rate",
      help: "Per cent of the window's calls that were slow; -1 while there are too few.",
      snapshots.map { ([("name", $0.0)], $0.1.slowCallRate) })
    text.gauge(
      "resilience4j_circuitbreaker_buffered_calls", help: "Calls in the window.",
      snapshots.flatMap { name, snapshot in
        [("successful", snapshot.recorded - snapshot.failed), ("failed", snapshot.failed)].map {
          ([("name", name), ("kind", $0.0)], Double($0.1))
        }
      })
    text.counter(
      "resilience4j_circuitbreaker_calls_total", help: "Attempts by what the breaker saw.",
      snapshots.flatMap { name, snapshot -> [(labels: [(String, String)], value: Double)] in
        let totals = snapshot.totals
        return [
          ("successful", totals.successful), ("failed", totals.failed),
          ("ignored", totals.ignored), ("slow_successful", totals.slowSuccessful),
          ("slow_failed", totals.slowFailed),
        ].map { ([("name", name), ("kind", $0.0)], Double($0.1)) }
      })
    text.counter(
      "resilience4j_circuitbreaker_not_permitted_calls_total",
      help: "Attempts that the breaker refused.",
      snapshots.map { ([("name", $0.0)], Double($0.1.totals.notPermitted)) })
    text.counter(
      "resilience4j_circuitbreaker_events_dropped_total",
      help: "Events that a listener was too slow for; the log of transitions is one.",
      snapshots.map { ([("name", $0.0)], Double($0.1.eventsDropped)) })
  }
}
