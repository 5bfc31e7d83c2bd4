import DurableIO

/// What systemd hides from a service, as this process finds it among its mounts. Who names a file in
/// there sees it himself, so that the kernel's "No such file or directory" is no help.
struct Sandbox {
  /// Of this process; without mounts that can be read there is none.
  static let ofThisProcess = Sandbox(
    mounts: (try? readFile("/proc/self/mountinfo", limit: 1 << 20))
      .map { String(decoding: $0, as: UTF8.self) } ?? "")

  /// Where others have other files: /tmp and /var/tmp (PrivateTmp=).
  private var own: [String] = []
  /// What is shown empty, or closed: /home and others (ProtectHome=, InaccessiblePaths=).
  private var hidden: [String] = []

  /// - mounts: The content of /proc/PID/mountinfo, proc_pid_mountinfo(5).
  init(mounts: String) {
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 6, let separator = fields.firstIndex(of: "-") else { continue }
      let (root, folder) = (fields[3], String(fields[4]))
      let isEmpty = fields[separator...].dropFirst().first == "tmpfs" && Self.homes.contains(folder)
      if root.contains("/systemd-private-") {
        own.append(folder)
      } else if isEmpty || root.contains("/systemd/inaccessible/") {
        hidden.append(folder)
      }
    }
  }

  private static let homes = ["/home", "/root", "/run/user"]

  /// Why the service does not find `path`, and what to do; nil if that is not the sandbox's doing.
  func explanation(of path: String) -> String? {
    func holder(_ folders: [String]) -> String? {
      folders.first { path == $0 || path.hasPrefix($0 + "/") }
    }
    if let folder = holder(own) {
      return "the service has a \(folder) of its own; put it elsewhere"
    }
    return holder(hidden).map { folder in
      "the service sees nothing of \(folder) but what the administrator shows it, by a drop-in as in"
        + " /usr/share/doc/ddpmd/administration.md; or put it elsewhere"
    }
  }
}
