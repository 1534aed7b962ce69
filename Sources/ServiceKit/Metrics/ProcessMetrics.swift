import Glibc

extension PrometheusMetrics {
  /// Adds the process's own figures by their usual names: processor time, memory, open files, and
  /// when this was called, as its start.
  package func collectProcess() {
    let startedAt = Double(time(nil))
    collect { text in
      var usage = rusage()
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      text.counter(
        "process_cpu_seconds_total", help: "Processor time of user and system, in seconds.",
        [([], seconds(usage.ru_utime) + seconds(usage.ru_stime))])
      text.gauge(
        "process_resident_memory_bytes", help: "Resident memory, in bytes.",
        [([], Double(residentPages()) * Double(sysconf(Int32(_SC_PAGESIZE))))])
      text.gauge(
        "process_open_fds", help: "Open file descriptors.", [([], Double(openDescriptors()))])
      text.gauge(
        "process_start_time_seconds", help: "When the process started, in seconds since 1970.",
        [([], startedAt)])
    }
  }
}

private func seconds(_ time: timeval) -> Double {
  Double(time.tv_sec) + Double(time.tv_usec) / 1e6
}

/// The second number of /proc/self/statm, whose files are made in memory and never block; 0 when it
/// cannot be read.
private func residentPages() -> Int {
  let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return 0 }
  defer { close(descriptor) }
  var buffer = [UInt8](repeating: 0, count: 128)
  let count = read(descriptor, &buffer, buffer.count)
  let words = buffer.prefix(max(0, count)).split(separator: UInt8(ascii: " "))
  return words.count > 1 ? Int(String(decoding: words[1], as: UTF8.self)) ?? 0 : 0
}

/// How many entries /proc/self/fd has, without the one that reads it.
private func openDescriptors() -> Int {
  guard let directory = opendir("/proc/self/fd") else { return 0 }
  defer { closedir(directory) }
  var count = 0
  while let entry = readdir(directory) {
    if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
  }
  return max(0, count - 1)
}
