import EventLoops

/// The one loop of these tests: a client's connections are kept per loop, so that with one of them
/// the count of connections is known.
let oneLoop = EventLoopGroup(count: 1)
/// For TLS: reading the system's authorities holds a loop up, once.
let tlsLoop = EventLoopGroup(count: 1)
let twoLoops = EventLoopGroup(count: 2)
