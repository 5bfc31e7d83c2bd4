import ArgumentParser
import DurableIO
import Jobs
import Spool
import StrictJSON

struct Pause: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Start no more jobs; what runs goes on.",
    discussion: """
      The queue stays paused, also when the daemon starts anew, until it is resumed. Only root, \
      the daemon's own user and administrators may pause it.
      """)

  @OptionGroup var spool: SpoolOptions

  func run() throws {
    try spool.give(.pause, Interrupt())
    say("no more jobs start; let them with: \(spool.command("resume"))")
  }
}

struct Drain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Pause, and wait until nothing runs.",
    discussion: "Ctrl-C ends the waiting, and the queue stays paused.")

  @OptionGroup var spool: SpoolOptions

  func run() throws {
    let interrupt = Interrupt()
    try spool.give(.pause, interrupt)
    var line = LiveLine()
    while true {
      let running = try attempt { try JobQueue(spool.layout).ids(in: .running) }
      if running.isEmpty { break }
      line.show("waiting for \(running.count == 1 ? "job \(running[0])" : "\(running.count) jobs")")
      if !interrupt.pause() {
        line.clear()
        throw Refusal("stopped waiting; no more jobs start", Exit.interrupted)
      }
    }
    line.clear()
    say("nothing runs, and no more jobs start; let them with: \(spool.command("resume"))")
  }
}

struct Resume: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Start jobs again after a pause.")

  @OptionGroup var spool: SpoolOptions

  func run() throws {
    try spool.give(.resume, Interrupt())
    say("jobs start again")
  }
}

extension SpoolOptions {
  /// Gives a command about the whole queue.
  fileprivate func give(_ command: QueueCommand, _ interrupt: Interrupt) throws {
    try requireSpool()
    let token = try submit(.queue(command))
    var waited = 0
    _ = try decision(on: token, what: "\(command)", interrupt, waited: &waited)
  }
}
