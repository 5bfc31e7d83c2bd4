/// What the kernel says of the machine, for people who watch it.

import DurableIO
import Glibc
import Jobs

/// Time that all processors together have been there, and worked, since the machine started.
struct ProcessorTime {
  let total: Double
  let busy: Double

  /// The content of `/proc/stat`; nil for anything else.
  init?(parsing text: String) {
    guard let line = text.split(separator: "\n").first, line.hasPrefix("cpu ") else { return nil }
    // user nice system idle iowait irq softirq steal; guest time is in user time.
    let times = line.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
    guard times.count >= 5 else { return nil }
    total = times.reduce(0, +)
    busy = total - times[3] - times[4]
  }

  /// The part of the time since `earlier` that the processors worked; nil if none has passed.
  func load(since earlier: ProcessorTime) -> Double? {
    total > earlier.total ? (busy - earlier.busy) / (total - earlier.total) : nil
  }
}

/// Bytes of memory.
struct MemoryUse: Equatable {
  let total: Int
  /// What programs can still get.
  let available: Int

  /// The content of `/proc/meminfo`; nil for anything else.
  init?(parsing text: String) {
    func bytes(_ key: String) -> Int? {
      text.split(separator: "\n").first { $0.hasPrefix(key + ":") }?
        .split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
    }
    guard let total = bytes("MemTotal"), let available = bytes("MemAvailable") else { return nil }
    (self.total, self.available) = (total, available)
  }
}

/// The machine that ddpmctl runs on, which is that of the jobs: "vm, AMD EPYC 7B13, 2 processors,
/// 25.2 GB of memory, Linux 6.1.0-18-amd64 on x86_64".
func machineText() -> String {
  var system = utsname()
  unsafe uname(&system)
  func text<Field>(_ field: Field) -> String {
    unsafe withUnsafeBytes(of: field) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
  let model = procFile("cpuinfo")?.split(separator: "\n").first { $0.hasPrefix("model name") }?
    .split(separator: ":").last?.drop { $0 == " " }
  let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
  return [
    text(system.nodename), model.map(String.init),
    processors == 1 ? "1 processor" : "\(processors) processors",
    procFile("meminfo").flatMap(MemoryUse.init).map { "\(gigabytes($0.total)) GB of memory" },
    "\(text(system.sysname)) \(text(system.release)) on \(text(system.machine))",
  ].compactMap { $0 }.joined(separator: ", ")
}

/// The load of a machine at some moment.
struct MachineLoad {
  /// Of all processors, from 0 to 1.
  var processors: Double?
  var memory: MemoryUse?
  /// Bytes free for results.
  var freeDisk: Int?

  /// "CPU 97%   memory 3.1 of 16 GB   12 GB of disk free".
  var text: String {
    [
      processors.map { "CPU \(Int(($0 * 100).rounded()))%" },
      memory.map { "memory \(gigabytes($0.total - $0.available)) of \(gigabytes($0.total)) GB" },
      freeDisk.map { "\(gigabytes($0)) GB of disk free" },
    ].compactMap { $0 }.joined(separator: "   ")
  }
}

private func gigabytes(_ bytes: Int) -> String { significant(Double(bytes) / 1e9, digits: 3) }

func procFile(_ name: String) -> String? {
  (try? readFile("/proc/" + name)).map { String(decoding: $0, as: UTF8.self) }
}
