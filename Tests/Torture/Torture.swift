// ddpm-torture: has ddpmd, with real workers, do jobs while it kills both again and again, and
// compares what is left with what must be. See docs/torture.md.
//
// Exit codes: 0 if every promise was kept; 1 if one was not, with the evidence on standard error
// and all files kept; 64 for a wrong command line.

import ArgumentParser
import DurableIO
import Glibc
import Jobs
import Spool
import Supervision

@main
struct Torture: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ddpm-torture",
    abstract: "Kills ddpmd and its workers again and again, and checks that nothing is lost.")

  @Option(help: "Kills and stops.")
  var cycles = 100

  @Option(help: "Decides every random choice; drawn where it is not given.")
  var seed: UInt64?

  @Option(help: "Where everything happens: a folder that is not there yet, removed if all is well.")
  var folder: String?

  @Option(help: "The folder of ddpmd and ddpm-worker; by default that of this program.")
  var programs: String?

  func run() throws {
    let seed = seed ?? UInt64.random(in: 0..<1_000_000)
    let folder = absolutePath(folder ?? "/tmp/ddpm-torture-\(getpid())")
    guard try !Directory.exists(folder) else {
      throw ValidationError("--folder \(folder) is there already; name a new one")
    }
    let signals = try SignalRequests(hangupReloads: false)
    let campaign = try Campaign(
      folder: folder, programs: Programs(folder: programs.map(absolutePath) ?? ownDirectory()),
      seed: seed)
    say("\(cycles) cycles, seed \(seed), in \(folder)")
    do {
      while campaign.cycles < cycles && signals.take() == nil {
        try campaign.cycle()
        if campaign.cycles % (4 * Campaign.round) == 0 { say(campaign.summary) }
      }
      try campaign.finish()
    } catch {
      try campaign.abandon()
      report(error, campaign, seed: seed, folder: folder)
      throw ExitCode(1)
    }
    say(campaign.summary + "; violations: 0")
    try Directory.removeTree(folder)
  }

  private func report(_ error: any Error, _ campaign: Campaign, seed: UInt64, folder: String) {
    say(campaign.summary)
    let violation = error as? Violation
    complain("VIOLATION in cycle \(campaign.cycles), seed \(seed); everything is in \(folder)")
    complain("found:    \(violation.map(\.found) ?? "\(error)")")
    if let violation { complain("expected: \(violation.expected)") }
    if let id = violation?.job { complain(campaign.oracle.evidence(of: id)) }
    for file in ["journal", "ddpmd.log"] {
      complain("the end of \(folder)/\(file):")
      let lines = (try? AppendLog.lines(of: "\(folder)/\(file)")) ?? []
      for line in lines.suffix(20) { complain("  \(line)") }
    }
  }

  private func say(_ text: String) {
    print(text)
    _ = fflush(nil)
  }

  private func complain(_ text: String) {
    let bytes = Array("\(text)\n".utf8)
    unsafe _ = write(STDERR_FILENO, bytes, bytes.count)
  }
}

/// `path`, from the root.
private func absolutePath(_ path: String) -> String {
  if path.hasPrefix("/") { return path }
  guard let here = unsafe getcwd(nil, 0) else { return path }
  defer { unsafe free(here) }
  return unsafe String(cString: here) + "/" + path
}

/// The folder of this program.
private func ownDirectory() -> String {
  guard let path = unsafe realpath("/proc/self/exe", nil) else { return "." }
  defer { unsafe free(path) }
  let program = unsafe String(cString: path)
  return String(program[..<(program.lastIndex(of: "/") ?? program.startIndex)])
}
