import Glibc

/// How often this process has asked for memory, told by the library that Benchmarks/resilience preloads.
struct AllocationCounter {
  private typealias Function = @convention(c) () -> UInt64
  private let function: Function?

  init() {
    // A null handle is RTLD_DEFAULT: every library that was loaded.
    function = dlsym(nil, "allocations_so_far").map { unsafeBitCast($0, to: Function.self) }
  }

  /// Nil without the library.
  var count: Int? { function.map { Int($0()) } }
}
