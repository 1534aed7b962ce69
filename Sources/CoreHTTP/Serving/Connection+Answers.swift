import EventLoops
import HTTPMessages

/// What is left to do for the request being answered.
struct Exchange {
  var isHead = false
  var isOldVersion = false
  /// The connection goes on after the answer.
  var keepsAlive = true
  /// For a handler that suspends, and for the observer, if there is one.
  var request: HTTPRequest?
  var start = MonotonicTime(nanoseconds: 0)
}

/// What the connection's task is to do.
enum Work: Sendable {
  /// To call a handler with the exchange's request.
  case handle(PendingAnswer)
  /// To send an answer whose body is a stream.
  case send(HTTPResponse)
}

extension Connection {
  /// A head is complete and its body is to come: decides how long it may be, and whether the client
  /// is told to go on.
  func beginBody(isHere: Bool) {
    enter(.body)
    let head = parser.head
    do throws(Refusal) {
      switch server.handler.bodyAdmission(for: head) {
      case .whole(let bytesMax): try parser.admitBody(bytesMax: bytesMax)
      case .unwanted where parser.expectsContinue && !isHere:
        // The final status at once, instead of a 100 (RFC 9110 section 10.1.1).
        return begin(head, isLast: true)
      case .unwanted:
        // Read to its end, so that the next request can be found, or not at all.
        guard parser.bodyLength ?? 0 <= server.limits.lingerBytesMax else {
          return begin(head, isLast: true)
        }
        try parser.admitBody(bytesMax: server.limits.lingerBytesMax)
      }
    } catch {
      return refuse(error, request: head)
    }
    if parser.expectsContinue, !isHere { server.output.append("HTTP/1.1 100 Continue\r\n\r\n") }
  }

  /// Answers a whole request, at once or in the connection's task.
  ///
  /// - Parameter isLast: its body is not read, so nothing behind it can be found.
  func begin(_ request: consuming HTTPRequest, isLast: Bool = false) {
    requestsServed += 1
    let mayGoOn = !isLast && requestsServed < server.limits.requestsPerConnectionMax
    exchange.isHead = request.method == .head
    exchange.isOldVersion = parser.isOldVersion
    exchange.keepsAlive = parser.keepsAlive && mayGoOn
    // The rest of a body is under way, or what a client sent that did not ask for the end.
    mustLinger = isLast || (parser.keepsAlive && !mayGoOn)
    if server.isObserved { exchange.start = .now() }
    enter(.idle)
    do {
      switch try server.handler.begin(request) {
      case .ready(let response) where response.stream == nil:
        if server.isObserved { exchange.request = consume request }
        answer(response, failure: nil)
      case .ready(let response):
        exchange.request = consume request
        start(.send(response))
      case .later(let pending):
        exchange.request = consume request
        start(.handle(pending))
      }
    } catch {
      if server.isObserved { exchange.request = consume request }
      answer(Self.response(to: error), failure: error)
    }
  }

  /// What a handler throws is its own fault, unless it could not read the client's query.
  private static func response(to error: any Error) -> HTTPResponse {
    ProblemBody.response(error is HTTPRequest.QueryError ? .badRequest : .internalServerError)
  }

  /// Puts an answer behind those that wait to be sent.
  private func answer(_ response: HTTPResponse, failure: (any Error)?) {
    decidePersistence(for: response)
    if server.isObserved {
      let isBare = exchange.isHead || response.status.forbidsContent
      report(response, bodyBytes: isBare ? 0 : response.body.count, failure: failure)
    }
    exchange.request = nil
    server.writer.write(
      response, persistence, withoutBody: exchange.isHead, to: server.output)
    if !exchange.keepsAlive { enter(.ending) }
  }

  func decidePersistence(for response: HTTPResponse) {
    // Leaving may have begun while the handler worked. What was pipelined is still answered.
    let isLast = server.isLeaving && pending.isEmpty && !isMoreAtHand
    if ResponseWriter.saysClose(response.fields) || (isLast && exchange.keepsAlive) {
      exchange.keepsAlive = false
      mustLinger = true
    }
  }

  func report(_ response: HTTPResponse, bodyBytes: Int, failure: (any Error)?) {
    guard let observer = server.observer else { return }
    observer.served(
      ServedExchange(
        request: exchange.request.take(), status: response.status, route: response.route,
        duration: .now() - exchange.start, responseBodyBytes: bodyBytes, failure: failure))
  }

  var persistence: ResponseWriter.Persistence {
    if !exchange.keepsAlive { return .close }
    return exchange.isOldVersion ? .openToOldClient : .open
  }

  /// Answers what is no request, or one that is too late or too large, and ends the connection.
  func refuse(_ refusal: Refusal, request: HTTPRequest?) {
    exchange = Exchange(isHead: parser.isHead, keepsAlive: false, request: request, start: .now())
    mustLinger = true
    answer(ProblemBody.response(refusal.status, detail: refusal.reason), failure: nil)
  }

  // MARK: The connection's task

  /// Hands work to the task, which is made for the first one and then lives as long as the connection.
  private func start(_ work: Work) {
    enter(.answering)
    if let waiter {
      self.waiter = nil
      waiter.resume(returning: work)
      return
    }
    self.work = work
    if task == nil {
      task = Task(executorPreference: server.loop) { await self.workUntilClosed() }
    }
  }

  private func workUntilClosed() async {
    while true {
      // Each `await` costs a look at the task's executor: none without need.
      var next = work.take()
      if next == nil, phase != .closed { next = await withUnsafeContinuation { waiter = $0 } }
      switch next {
      case .handle(let pending):
        do {
          var response: HTTPResponse
          do {
            // Let go of before the next one is parsed, which takes its memory.
            guard let request = exchange.request else { return }
            response = try await pending.handle(request, pending.parameters)
          }
          response.route = pending.route ?? response.route
          if let body = response.stream {
            await send(response, streaming: body)
          } else {
            finish(response, failure: nil)
          }
        } catch {
          finish(Self.response(to: error), failure: error)
        }
      case .send(let response):
        if let body = response.stream { await send(response, streaming: body) }
      case nil: return
      }
    }
  }

  func finish(_ response: HTTPResponse, failure: (any Error)?) {
    guard phase == .answering else { return reportAbandoned(route: response.route) }
    answer(response, failure: failure)
    goOn()
  }

  /// The client left before the answer was made; what the handler did may still have taken effect.
  func reportAbandoned(route: String?) {
    var response = HTTPResponse(.clientClosedRequest)
    response.route = route
    report(response, bodyBytes: 0, failure: CancellationError())
  }

  /// The task has written an answer: sends it and serves what is behind it.
  func goOn() {
    enter(exchange.keepsAlive ? .idle : .ending)
    // With more requests at hand, their answers share this one's write.
    if pending.isEmpty || phase == .ending { flush() } else { flushAtEndOfTurn() }
    if phase != .closed { servePending() }
  }
}
