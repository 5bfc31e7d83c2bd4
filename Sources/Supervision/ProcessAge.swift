import DurableIO
import Glibc

/// How long a process has existed, whatever has been done to the system's clock; nil if there is no
/// such process.
func processAge(_ id: Int32) -> Duration? {
  // proc_pid_stat(5): the program's name, in parentheses, may contain anything; 19 fields behind it
  // is when the process began, in ticks since the machine did.
  guard let bytes = try? readFile("/proc/\(id)/stat") else { return nil }
  let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(
    separator: " ")
  var now = timespec()
  guard let fields, fields.count > 19, let ticks = Double(fields[19]),
    unsafe clock_gettime(CLOCK_BOOTTIME, &now) == 0
  else { return nil }
  let began = ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  return .seconds(max(Double(now.tv_sec) + Double(now.tv_nsec) / 1e9 - began, 0))
}
