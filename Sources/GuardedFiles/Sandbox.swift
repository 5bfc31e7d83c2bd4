import DurableIO

/// What systemd hides from a service, as this process finds it among its mounts. Who names a file in
/// there sees it himself, so that the kernel's "No such file or directory" is no help.
struct Sandbox {
  /// Of this process; without mounts that can be read there is none.
  static let ofThisProcess = Sandbox(
    mounts: (try? readFile("/proc/self/mountinfo", limit: 1 << 20))
      .map { String(decoding: $0, as: UTF8.self) } ?? "")

  private enum View {
    /// As everybody else has it.
    case shared
    /// Others have other files there: /tmp and /var/tmp (PrivateTmp=).
    case own
    /// Empty, or closed: /home and others (ProtectHome=, InaccessiblePaths=).
    case hidden
  }

  /// What is shown where something is mounted.
  private var views: [String: View] = [:]

  /// - mounts: The content of /proc/PID/mountinfo, proc_pid_mountinfo(5).
  init(mounts: String) {
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 6, let separator = fields.firstIndex(of: "-") else { continue }
      let (root, folder) = (fields[3], String(fields[4].replacing("\\040", with: " ")))
      let isEmpty = fields[separator...].dropFirst().first == "tmpfs" && Self.homes.contains(folder)
      views[folder] =
        root.contains("/systemd-private-")
        ? .own : isEmpty || root.contains("/systemd/inaccessible/") ? .hidden : .shared
    }
  }

  private static let homes = ["/home", "/root", "/run/user"]

  /// Why the service does not find `path`, and what to do; nil if that is not the sandbox's doing.
  func explanation(of path: String) -> String? {
    // What is mounted further down is shown, whatever is hidden around it.
    let folders = views.keys.filter { path == $0 || path.hasPrefix($0 + "/") }
    guard let folder = folders.max(by: { $0.utf8.count < $1.utf8.count }) else { return nil }
    switch views[folder] {
    case .own: return "the service has a \(folder) of its own; put it elsewhere"
    case .hidden:
      return
        "the service sees nothing of \(folder) but what the administrator shows it, by a drop-in"
        + " as in /usr/share/doc/ddpmd/administration.md; or put it elsewhere"
    case .shared, nil: return nil
    }
  }
}
