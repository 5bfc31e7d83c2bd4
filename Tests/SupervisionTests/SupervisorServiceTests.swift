import DurableIO
import Glibc
import Jobs
import Spool
import Testing

@testable import Supervision

/// A daemon whose configuration changes while it runs, and one whose worker hangs.
@Suite(.timeLimit(.minutes(10))) struct SupervisorServiceTests {
  @Test func aReloadHoldsForWhatRunsAndForWhatStarts() async throws {
    let spool = try TestSpool(
      worker: #"echo "$3" > "$1/threads"; echo "$*" > "$1/arguments"; "# + Script.workUntilStopped)
    let file = try file("max_workers = 1\n", in: spool)
    let daemon = try TestDaemon(spool, configuration: try file.read().configuration, source: file)
    let first = try await spool.submitJob("first")
    try await spool.waitFor(first, .running)
    let second = try await spool.submitJob("second")
    try write(
      "max_workers = 2\nthreads = 7\nmemory_limit = 1 GiB\nlog_level = error\n"
        + "data_roots = /srv/a b:/c\n", to: file)

    let report = try await reload(daemon, spool)
    #expect(
      report.changes == [
        "data_roots is /srv/a b:/c, and was all", "log_level is error, and was info",
        "max_workers is 2, and was 1",
        "memory_limit is 1 GiB, and was none",
        "threads is 7, and was auto",
      ])
    #expect(
      report.notes == [
        "jobs that run have at most 3 thread(s) until they are started again",
        "jobs that run keep their memory_limit until they are started again",
        "jobs that run keep their data_roots until they are started again",
      ])
    #expect(report.problems == [] && report.file == file.file)
    try await spool.waitFor(second, .running)
    try await spool.waitFor(file: spool.directory(second).path + "/up")
    #expect(try text(spool.directory(first).path + "/threads") == "3\n")
    #expect(try text(spool.directory(second).path + "/threads") == "7\n")
    let arguments = try text(spool.directory(second).path + "/arguments")
    #expect(arguments.hasSuffix(" --data-root /srv/a b --data-root /c\n"))
    #expect(try !text(spool.directory(first).path + "/arguments").contains("--data-root"))
    await daemon.stop()
    let reload = daemon.messages.all.drop { !$0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") }
    #expect(reload.dropFirst().first == "READY=1")
  }

  @Test func aWrongConfigurationChangesNothing() async throws {
    let spool = try TestSpool(worker: Script.workUntilStopped)
    let file = try file("max_workers = 1\n", in: spool)
    let daemon = try TestDaemon(spool, configuration: try file.read().configuration, source: file)
    let first = try await spool.submitJob("first")
    try await spool.waitFor(first, .running)
    _ = try await spool.submitJob("second")
    try write("max_workers = 2\nthreads = many\n", to: file)
    let report = try await reload(daemon, spool)
    #expect(report.changes == [] && report.problems.count == 1)
    #expect(
      report.problems[0].hasPrefix("\(spool.root)/ddpmd.conf:2: threads is \"many\"; allowed: auto")
    )
    #expect(daemon.journal.warnings.contains { $0.contains("\(spool.root)/ddpmd.conf:2: threads") })
    #expect(try JobQueue(spool.layout).ids(in: .running) == [first])
    await daemon.stop()
    #expect(daemon.messages.all.filter { $0 == "READY=1" }.count == 2)
  }

  /// What is written between the reading and the start is not what the daemon has read.
  @Test func theStartIsNoAnswerToAReload() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let file = try file("max_workers = 1\n", in: spool)
    let configuration = try file.read().configuration
    let asked = ReloadReport.now()
    let daemon = try TestDaemon(spool, configuration: configuration, source: file)
    try await until("it says what it has read") {
      try SpoolReader(spool.layout).reloadReport() != nil
    }
    await daemon.stop()
    #expect(try SpoolReader(spool.layout).reloadReport().map { $0.readAt < asked } == true)
  }

  /// Stopped by a signal it does nothing, in whatever it was.
  @Test func aHungWorkerIsReplaced() async throws {
    let spool = try TestSpool(
      worker: Script.once("kill -STOP $$; sleep 600", then: Script.finish))
    let daemon = try TestDaemon(spool) {
      $0.workerTimeout = .seconds(1)
      $0.stopGrace = .milliseconds(50)
    }
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .done)
    await daemon.stop()
    let events = try SpoolReader(spool.layout).events(of: id)
    #expect(events.map(\.kind) == [.admitted, .started, .crashed, .started, .finished])
    #expect(events.contains { $0.reason?.contains("it had hung") == true })
  }

  private func file(_ text: String, in spool: TestSpool) throws -> ConfigurationSource {
    let source = ConfigurationSource(file: spool.root + "/ddpmd.conf")
    try write(text, to: source)
    return source
  }

  private func write(_ text: String, to source: ConfigurationSource) throws {
    try AtomicFile.write(text, to: #require(source.file))
  }

  private func text(_ path: String) throws -> String {
    String(decoding: try readFile(path), as: UTF8.self)
  }

  /// Has the daemon read its configuration, as `ddpmctl reload` does.
  private func reload(_ daemon: TestDaemon, _ spool: TestSpool) async throws -> ReloadReport {
    let asked = ReloadReport.now()
    daemon.requestReload()
    var answer: ReloadReport?
    try await until("the configuration is read") {
      answer = try SpoolReader(spool.layout).reloadReport().flatMap { $0.readAt < asked ? nil : $0 }
      return answer != nil
    }
    return try #require(answer)
  }
}
