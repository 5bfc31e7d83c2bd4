import DurableIO
import Glibc
import Spool

/// What administrators do meanwhile: they change the configuration file.
extension Campaign {
  /// Changes the file, and has a daemon that serves the spool read it again.
  func reconfigure() throws {
    if dice.chance(0.2) { return try tryWrongSettings() }
    var new = settings
    new.maxWorkers = Int.random(in: 1...3, using: &dice)
    try change(to: new, isAwaited: dice.chance(0.5))
  }

  /// Changes the file for a daemon that does what it says when this returns.
  func reload(_ new: Settings) throws {
    try wait("the daemon serves the spool") { try daemon?.isServing() == true }
    try change(to: new, isAwaited: true)
  }

  /// - isAwaited: whether the daemon does what the file says when this returns.
  func change(to new: Settings, isAwaited: Bool) throws {
    try settleReload()
    // Else it may read the old file or the new one.
    let isServing = try daemon?.isServing() == true
    try AtomicFile.write(new.text, to: configuration)
    settings = new
    oracle.retentions.append(new.retention)
    guard let daemon, isServing else {
      try note("the configuration changes: \(new)")
      self.daemon?.forgetSettings(new)
      return
    }
    daemon.requestReload(of: new)
    oracle.tally.reloads += 1
    try note("reload: \(new)")
    if isAwaited { try settleReload() }
  }

  /// Has the daemon read a file that it must refuse, and keep to what the last one said.
  private func tryWrongSettings() throws {
    try settleReload()
    guard let daemon, try daemon.isServing() else { return }
    var wrong = settings
    wrong.maxWorkers = 4
    try AtomicFile.write(wrong.text + "worker_timeout = soon\n", to: configuration)
    daemon.requestReload(of: nil)
    oracle.tally.reloads += 1
    try note("reload of a wrong file")
    try settleReload()
    try AtomicFile.write(settings.text, to: configuration)
  }

  /// Waits until the daemon has read what it was to read, if anything, and judges what it says.
  func settleReload() throws {
    guard let daemon, daemon.awaitsReload else { return }
    try wait("the configuration is read") { try daemon.hasReloaded() }
    try daemon.judgeReload()
  }
}
