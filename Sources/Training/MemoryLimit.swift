import DurableIO
import Glibc

/// The most memory that a process can get.
public struct MemoryLimit: Sendable, CustomStringConvertible {
  /// Infinite where it is not known.
  public private(set) var bytes: Double
  /// What sets it, in words that "allows" follows; nil if it is the machine's size.
  private var authority: String?
  /// Whether it is the job's own `memory_limit`.
  public private(set) var isOwn = false

  /// The machine's memory, or less if the process's control group, or one around it, has less.
  public static var ofThisProcess: MemoryLimit {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let machine = pages > 0 ? Double(pages) * Double(sysconf(Int32(_SC_PAGESIZE))) : .infinity
    let groups = (try? readFile("/proc/self/cgroup")) ?? []
    return MemoryLimit(
      machine: machine, groups: String(decoding: groups, as: UTF8.self), root: "/sys/fs/cgroup")
  }

  /// - machine: its memory in bytes.
  /// - groups: what /proc/self/cgroup says; version 2's line counts.
  /// - root: where the control groups are mounted.
  package init(machine: Double, groups: String, root: String) {
    bytes = machine
    guard let line = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else {
      return
    }
    var names = line.dropFirst("0::/".count).split(separator: "/")
    while true {
      let file = (([root] + names.map(String.init)).joined(separator: "/")) + "/memory.max"
      // No limit is "max", which is no number; the topmost group has no such file.
      let text = (try? readFile(file)).map { String(decoding: $0, as: UTF8.self) } ?? ""
      if let limit = Double(text.prefix { $0.isNumber }), limit < bytes {
        (bytes, authority) = (limit, file)
      }
      if names.popLast() == nil { return }
    }
  }

  /// The limit, or the job's own of `bytes` if that is less.
  public func lowered(toOwn bytes: Int?) -> MemoryLimit {
    guard let bytes, Double(bytes) < self.bytes else { return self }
    var limit = self
    (limit.bytes, limit.authority, limit.isOwn) = (Double(bytes), Self.ownName, true)
    return limit
  }

  /// A job's own limit in words that "allows" follows.
  public static let ownName = "its memory_limit"

  /// What a job that may have so many bytes can get on any machine.
  public init(own bytes: Int) {
    self = MemoryLimit(machine: .infinity, groups: "", root: "").lowered(toOwn: bytes)
  }

  /// A clause.
  public var description: String {
    authority.map { "\($0) allows \(Self.text(bytes))" } ?? "the machine has \(Self.text(bytes))"
  }

  /// An amount of memory, such as "1.5 GiB" or "200 MiB".
  public static func text(_ bytes: Double) -> String {
    let mebibyte = Double(1 << 20)
    if bytes < 1024 * mebibyte { return "\(Int((bytes / mebibyte).rounded(.up))) MiB" }
    return "\((bytes / Double(1 << 30) * 10).rounded() / 10) GiB"
  }
}
