import CEpoll
import Dispatch
import Glibc
import HeapModule
import Synchronization

/// One thread that waits on epoll and owns everything its descriptors belong to.
///
/// The loop runs on a serial `DispatchQueue` for the life of the process and is, at the same time,
/// the executor of the tasks that serve its descriptors: parse, handler, query, remote call and
/// answer all happen on one thread, without a lock and without a hop. Everything but `enqueue`,
/// `execute`, `start` and `stop` may be called on the loop's own thread only.
///
/// A turn is: wait, hand out readiness, run due timers, run jobs, run what was asked for
/// `beforeWaiting`. (The shape follows Redis' `ae.c`.)
package final class EventLoop: TaskExecutor, @unchecked Sendable {
  // @unchecked: `inbox` is guarded by its mutex; all else is touched on the loop's thread alone.

  /// Events taken from one wait; more stay in the kernel for the next.
  private static let eventsPerWaitMax = 256
  /// Jobs run between two waits, so that tasks that keep yielding cannot starve the descriptors.
  private static let jobsPerTurnMax = 4096

  /// Of no watch: a descriptor is not negative.
  private static let wakeUpKey = UInt64.max

  /// Position in its `EventLoopGroup`, from 0.
  package let index: Int
  /// CLOCK_MONOTONIC as it was when the current turn began.
  package private(set) var now = MonotonicTime.now()

  private let queue: DispatchQueue
  let epoll: Int32
  private let wakeUp: Int32
  private let events: UnsafeMutablePointer<epoll_event>
  // Unchecked, as in DescriptorWatch: looked at in every turn.
  /// By descriptor: what an event is about. Each is retained until its cancellation is buried.
  @exclusivity(unchecked) private var watches: [Unmanaged<DescriptorWatch>?] = []
  private var watchesMade: UInt32 = 0
  @exclusivity(unchecked) private var cancelled: [Unmanaged<DescriptorWatch>] = []
  @exclusivity(unchecked) private(set) var timers = Heap<TimerEntry>()
  private var timersCancelled = 0
  private var timersScheduled: UInt64 = 0
  @exclusivity(unchecked) private var jobs: [UnownedJob] = []
  private var nextJob = 0
  /// What is to be done before the next wait, and the room of the turn before.
  @exclusivity(unchecked) private var closing: [() -> Void] = []
  @exclusivity(unchecked) private var closingNow: [() -> Void] = []
  private var isRunning = false

  private struct Inbox {
    var jobs: [UnownedJob] = []
    var actions: [@Sendable () -> Void] = []
    var isSignalled = false
    var isStopped = false
  }
  private let inbox = Mutex(Inbox())

  /// Not running yet; see `start`. Without descriptors left for it the process ends.
  package init(index: Int = 0) {
    self.index = index
    queue = DispatchQueue(label: "event-loop-\(index)")
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    wakeUp = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    precondition(epoll >= 0 && wakeUp >= 0, "no descriptors left for an event loop: errno \(errno)")
    events = .allocate(capacity: Self.eventsPerWaitMax)
    var event = epoll_event()
    event.events = Readiness.readable.rawValue
    event.data.u64 = Self.wakeUpKey
    let added = epoll_ctl(epoll, EPOLL_CTL_ADD, wakeUp, &event)
    precondition(added == 0, "epoll_ctl refused the wake-up descriptor: errno \(errno)")
  }

  deinit {
    close(epoll)
    close(wakeUp)
    events.deallocate()
    for watch in watches + cancelled { watch?.release() }
  }

  /// The loop whose thread this is; nil elsewhere.
  package static var current: EventLoop? {
    guard let loop = cepoll_current_loop() else { return nil }
    return Unmanaged<EventLoop>.fromOpaque(loop).takeUnretainedValue()
  }

  /// Whether the code that asks runs on this loop's thread.
  package var isCurrent: Bool {
    cepoll_current_loop() == Unmanaged.passUnretained(self).toOpaque()
  }

  // MARK: Life

  /// Begins to run; returns at once. To be called once.
  package func start() {
    queue.async { self.run() }
  }

  /// Ends the loop after its present turn. Tasks still suspended on it never resume, so this is for
  /// the end of a process or a test.
  package func stop() {
    inbox.withLock { $0.isStopped = true }
    signal()
  }

  private func run() {
    cepoll_set_current_loop(Unmanaged.passUnretained(self).toOpaque())
    isRunning = true
    while isRunning { turn() }
    cepoll_set_current_loop(nil)
  }

  // MARK: Work from anywhere

  /// Takes a task's next piece of work, from any thread.
  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isCurrent {
      jobs.append(job)
      return
    }
    let mustSignal = inbox.withLock { inbox in
      inbox.jobs.append(job)
      defer { inbox.isSignalled = true }
      return !inbox.isSignalled
    }
    if mustSignal { signal() }
  }

  /// Runs `action` on the loop's thread: at once when called there, else in its next turn.
  package func execute(_ action: @escaping @Sendable () -> Void) {
    if isCurrent { return action() }
    let mustSignal = inbox.withLock { inbox in
      inbox.actions.append(action)
      defer { inbox.isSignalled = true }
      return !inbox.isSignalled
    }
    if mustSignal { signal() }
  }

  // MARK: Descriptors and timers (on the loop's thread)

  /// Adds a non-blocking descriptor to the epoll set. The loop keeps `handler` until the watch is
  /// cancelled.
  package func watch(
    _ descriptor: Int32, for interest: Readiness, handler: any DescriptorHandler
  ) -> DescriptorWatch {
    watchesMade &+= 1
    let watch = DescriptorWatch(
      descriptor: descriptor, number: watchesMade, interest: interest, handler: handler,
      loop: self)
    control(EPOLL_CTL_ADD, watch)
    let place = Int(descriptor)
    if place >= watches.count {
      watches += [Unmanaged<DescriptorWatch>?](
        repeating: nil, count: max(place + 1, 2 * watches.count) - watches.count)
    }
    watches[place] = .passRetained(watch)
    return watch
  }

  /// Runs `action` on this loop once `delay` has passed (resolution: a millisecond, never early).
  @discardableResult
  package func schedule(after delay: Duration, _ action: @escaping () -> Void) -> LoopTimer {
    // The turn's own time may be old by now: a delay counts from the present.
    let timer = LoopTimer(
      deadline: MonotonicTime.now() + delay, action: action, loop: self)
    timersScheduled += 1
    timers.insert(
      TimerEntry(deadline: timer.deadline, sequence: timersScheduled, timer: timer))
    return timer
  }

  /// Runs `action` once, at the end of the present turn: after the events and the jobs of this turn,
  /// before the next wait. For what is worth doing once for many (flushing a pipeline).
  package func beforeWaiting(_ action: @escaping () -> Void) {
    closing.append(action)
  }

  func control(_ operation: Int32, _ watch: DescriptorWatch) {
    var event = epoll_event()
    event.events = watch.interest.rawValue
    event.data.u64 = watch.key
    let result = epoll_ctl(epoll, operation, watch.descriptor, &event)
    precondition(result == 0, "epoll_ctl \(operation) on \(watch.descriptor): errno \(errno)")
  }

  /// Forgets a watch that is cancelled.
  func remove(_ watch: DescriptorWatch) {
    guard let place = watches[Int(watch.descriptor)].take() else { return }
    cancelled.append(place)
  }

  // MARK: A turn

  private func turn() {
    let count = Int(
      epoll_wait(epoll, events, Int32(Self.eventsPerWaitMax), waitMilliseconds()))
    now = .now()
    for position in 0..<max(0, count) {
      let event = events[position]
      guard event.data.u64 != Self.wakeUpKey else {
        drainInbox()
        continue
      }
      watched(event.data.u64)?._withUnsafeGuaranteedRef { watch in
        guard watch.key == event.data.u64 else { return }
        watch.handler?.descriptorReady(Readiness(rawValue: event.events))
      }
    }
    runTimers()
    runJobs()
    finishTurn()
  }

  /// Who watches the descriptor of an event's key; the event may be about another watch, before it.
  private func watched(_ key: UInt64) -> Unmanaged<DescriptorWatch>? {
    let place = DescriptorWatch.descriptor(of: key)
    return place < watches.count ? watches[place] : nil
  }

  /// How long the next wait may last: 0 with work at hand, -1 (for ever) with none in sight.
  private func waitMilliseconds() -> Int32 {
    if nextJob < jobs.count || !closing.isEmpty { return 0 }
    while let first = timers.min {
      if first.timer.action == nil {
        _ = timers.popMin()
        timersCancelled -= 1
        continue
      }
      let wait = first.deadline.nanoseconds - MonotonicTime.now().nanoseconds
      return wait <= 0 ? 0 : Int32(clamping: (wait + 999_999) / 1_000_000)
    }
    return -1
  }

  private func runTimers() {
    while let first = timers.min, first.deadline <= now {
      _ = timers.popMin()
      guard let action = first.timer.action else {
        timersCancelled -= 1
        continue
      }
      first.timer.action = nil
      action()
    }
  }

  /// Most timeouts are cancelled long before they are due: once these are the greater part of the
  /// heap, it is made anew without them.
  func noteCancelledTimer() {
    timersCancelled += 1
    guard timersCancelled > 1024, timersCancelled * 2 > timers.count else { return }
    timers = Heap(timers.unordered.filter { $0.timer.action != nil })
    timersCancelled = 0
  }

  private func runJobs() {
    guard nextJob < jobs.count else { return }
    let executor = asUnownedTaskExecutor()
    let end = nextJob + Self.jobsPerTurnMax
    while nextJob < jobs.count, nextJob < end {
      let job = jobs[nextJob]
      nextJob += 1
      job.runSynchronously(on: executor)
    }
    if nextJob == jobs.count {
      jobs.removeAll(keepingCapacity: true)
      nextJob = 0
    } else if nextJob >= Self.jobsPerTurnMax {
      // Tasks that keep yielding never leave the queue empty: it must not grow for that.
      jobs.removeFirst(nextJob)
      nextJob = 0
    }
  }

  private func finishTurn() {
    if !closing.isEmpty {
      swap(&closing, &closingNow)
      for action in closingNow { action() }
      closingNow.removeAll(keepingCapacity: true)
    }
    guard !cancelled.isEmpty else { return }
    for watch in cancelled { watch.release() }
    cancelled.removeAll(keepingCapacity: true)
  }

  private func drainInbox() {
    var count: UInt64 = 0
    _ = read(wakeUp, &count, 8)
    var actions: [@Sendable () -> Void] = []
    inbox.withLock { inbox in
      jobs.append(contentsOf: inbox.jobs)
      inbox.jobs.removeAll(keepingCapacity: true)
      swap(&actions, &inbox.actions)
      inbox.isSignalled = false
      if inbox.isStopped { isRunning = false }
    }
    for action in actions { action() }
  }

  private func signal() {
    var one: UInt64 = 1
    _ = write(wakeUp, &one, 8)
  }
}
