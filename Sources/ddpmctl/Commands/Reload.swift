import ArgumentParser
import DurableIO
import Glibc
import Spool

struct Reload: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Have the daemon read its configuration anew, and say what has changed.",
    discussion: """
      Ends when the daemon does what the configuration says; jobs run on. Only root and the \
      daemon's own user may ask for it. If the configuration is wrong, the errors are printed, \
      the exit code is 78, and the daemon goes on as before.
      """)

  @OptionGroup var spool: SpoolOptions

  func run() throws {
    try spool.requireSpool()
    let interrupt = Interrupt()
    guard let daemon = try attempt({ try spool.reader.daemon() }) else {
      throw Refusal(
        "ddpmd is not running, and reads its configuration when it starts: \(spool.startCommand)")
    }
    // Anybody else would be stopped by the signal.
    guard try attempt({ try spool.reader.reloadReport() })?.file != nil else {
      throw Refusal("this ddpmd has no configuration file; it is started with one by --config FILE")
    }
    let asked = ReloadReport.now()
    guard kill(daemon, SIGHUP) == 0 else {
      throw Refusal(
        errno == EPERM
          ? "only root and the user of ddpmd may have it read its configuration"
          : "ddpmd (process \(daemon)) has just ended")
    }
    try show(answer(of: daemon, asked, interrupt))
  }

  /// Waits until the daemon has read what was there when it was asked.
  private func answer(
    of daemon: Int32, _ asked: Int, _ interrupt: Interrupt
  ) throws -> ReloadReport {
    while true {
      if let report = try attempt({ try spool.reader.reloadReport() }), report.readAt >= asked {
        return report
      }
      if try attempt({ try spool.reader.daemon() }) != daemon {
        throw Refusal("ddpmd has ended before it read its configuration")
      }
      if ReloadReport.now() - asked > 60_000_000 {
        throw Refusal("ddpmd does not answer; its log may say why", Exit.undecided)
      }
      if !interrupt.pause() { throw Refusal("stopped waiting", Exit.interrupted) }
    }
  }

  private func show(_ report: ReloadReport) throws {
    guard report.problems.isEmpty else {
      let problems = report.problems.joined(separator: "\n")
      throw Refusal(problems + "\nddpmd goes on as before", Exit.wrongConfiguration)
    }
    for change in report.changes { print(change) }
    for note in report.notes { say(note) }
    if report.changes.isEmpty, let file = report.file {
      say("nothing has changed in \(file) and \(file).d")
    }
  }
}
