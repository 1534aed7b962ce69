import CEpoll

/// What a descriptor is ready for, or is wanted for: the EPOLL bits that this project uses.
package struct Readiness: OptionSet, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  package static let readable = Readiness(rawValue: 0x001)
  package static let writable = Readiness(rawValue: 0x004)
  /// Reported whether asked for or not.
  package static let failed = Readiness(rawValue: 0x008)
  /// Reported whether asked for or not: both directions are shut.
  package static let hungUp = Readiness(rawValue: 0x010)
  /// The peer has ended its sending side.
  package static let peerClosed = Readiness(rawValue: 0x2000)
}

/// Receives the readiness of one descriptor, always on the loop's thread.
package protocol DescriptorHandler: AnyObject {
  /// Called once for each wait that reported the descriptor. Level-triggered: what is left unread
  /// is reported again.
  func descriptorReady(_ readiness: Readiness)
}

/// One descriptor's place in a loop's epoll set. Made by `EventLoop.watch`; belongs to that loop's
/// thread. The descriptor stays the caller's to close, after `cancel`.
package final class DescriptorWatch {
  package let descriptor: Int32
  // Unchecked: what belongs to one thread needs no checks for overlapping accesses, which cost 3 % of a
  // small request.
  @exclusivity(unchecked) package private(set) var interest: Readiness
  @exclusivity(unchecked) var handler: (any DescriptorHandler)?
  private unowned let loop: EventLoop

  init(descriptor: Int32, interest: Readiness, handler: any DescriptorHandler, loop: EventLoop) {
    self.descriptor = descriptor
    self.interest = interest
    self.handler = handler
    self.loop = loop
  }

  /// Changes what is waited for; costs a system call only if it differs.
  package func want(_ interest: Readiness) {
    guard handler != nil, interest.rawValue != self.interest.rawValue else { return }
    self.interest = interest
    loop.control(EPOLL_CTL_MOD, self)
  }

  /// Ends the watch. An event that this same wait has already reported is dropped. A second call
  /// does nothing.
  package func cancel() {
    guard handler != nil else { return }
    handler = nil
    loop.remove(self)
  }
}
