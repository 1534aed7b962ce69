import CEpoll
import Glibc

/// What a descriptor is ready for, or is wanted for: the EPOLL bits that this project uses.
package struct Readiness: OptionSet, Sendable {
  /// Bits of epoll's own events.
  package let rawValue: UInt32

  /// - Parameter rawValue: bits of epoll's own events.
  package init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// There are bytes to read, a connection to accept, or an end to be seen.
  package static let readable = Readiness(rawValue: 0x001)
  /// The descriptor takes bytes again.
  package static let writable = Readiness(rawValue: 0x004)
  /// Reported whether asked for or not.
  package static let failed = Readiness(rawValue: 0x008)
  /// Reported whether asked for or not: both directions are shut.
  package static let hungUp = Readiness(rawValue: 0x010)
}

/// Receives the readiness of one descriptor, always on the loop's thread.
package protocol DescriptorHandler: AnyObject {
  /// Called once for each wait that reported the descriptor. Level-triggered: what is left unread
  /// is reported again.
  func descriptorReady(_ readiness: Readiness)
}

/// One descriptor's place in a loop's epoll set. Made by `EventLoop.watch`; belongs to that loop's
/// thread. The descriptor stays the caller's to close: by `close`, or in its own way after `cancel`.
package final class DescriptorWatch {
  /// What is watched.
  package let descriptor: Int32
  /// Comes back with each event: the watch's number and its descriptor. By the number an event that
  /// was about an earlier watch of that descriptor is told apart.
  let key: UInt64
  // Unchecked: what belongs to one thread needs no checks for overlapping accesses, which cost 3 % of a
  // small request.
  @exclusivity(unchecked) package private(set) var interest: Readiness
  @exclusivity(unchecked) var handler: (any DescriptorHandler)?
  private unowned let loop: EventLoop

  init(
    descriptor: Int32, number: UInt32, interest: Readiness, handler: any DescriptorHandler,
    loop: EventLoop
  ) {
    self.descriptor = descriptor
    key = UInt64(number) << 32 | UInt64(UInt32(bitPattern: descriptor))
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

  static func descriptor(of key: UInt64) -> Int { Int(UInt32(truncatingIfNeeded: key)) }

  /// Ends the watch. An event that this same wait has already reported is dropped. A second call
  /// does nothing.
  package func cancel() {
    guard handler != nil else { return }
    handler = nil
    // Refused only if the descriptor is closed already, against the rule.
    _ = epoll_ctl(loop.epoll, EPOLL_CTL_DEL, descriptor, nil)
    loop.remove(self)
  }

  /// Ends the watch and closes the descriptor, of which nobody has a copy: that takes it out of the
  /// epoll set without a call of its own. (A child that is being started holds a copy until its `exec`;
  /// what the set says of it in the meantime is about no watch, and dropped.)
  ///
  /// - Precondition: not ended yet.
  package func close() {
    precondition(handler != nil, "a watch ends once")
    handler = nil
    Glibc.close(descriptor)
    loop.remove(self)
  }
}
