// What the daemon asks of the machine it runs on.

import CLinux
import DurableIO
import Glibc

/// The processors this process may use, which are fewer than the machine has under taskset(1), in
/// a cpuset, or with CPUAffinity= in its unit.
public func availableProcessors() -> Int {
  var mask = [UInt64](repeating: 0, count: 128)
  guard unsafe sched_getaffinity(0, UInt(mask.count * 8), &mask) == 0 else { return 1 }
  return max(1, mask.reduce(0) { $0 + $1.nonzeroBitCount })
}

/// The environment that this process was started with.
public func processEnvironment() -> [String: String] {
  let variables = (try? readFile("/proc/self/environ"))?.split(separator: 0) ?? []
  let pairs = variables.compactMap { variable -> (String, String)? in
    let text = String(decoding: variable, as: UTF8.self)
    guard let equals = text.firstIndex(of: "=") else { return nil }
    return (String(text[..<equals]), String(text[text.index(after: equals)...]))
  }
  return Dictionary(pairs) { first, _ in first }
}

/// `path` without links and relative parts; below the current directory where it is relative and
/// does not exist yet.
public func absolutePath(_ path: String) -> String {
  if let real = realPath(path) { return real }
  if path.hasPrefix("/") { return path }
  return (realPath(".") ?? "") + "/" + path
}

/// The directory that this program's executable is in.
public func ownDirectory() -> String {
  let executable = realPath("/proc/self/exe") ?? "/"
  return String(executable[..<(executable.lastIndex(of: "/") ?? executable.startIndex)])
}

private func realPath(_ path: String) -> String? {
  guard let resolved = unsafe realpath(path, nil) else { return nil }
  defer { unsafe free(resolved) }
  return unsafe String(cString: resolved)
}
