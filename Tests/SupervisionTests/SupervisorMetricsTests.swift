import DurableIO
import Glibc
import Jobs
import Spool
import Testing

@testable import Supervision

/// A daemon that is measured.
@Suite(.timeLimit(.minutes(10))) struct SupervisorMetricsTests {
  private let spool: TestSpool
  private var file: String { spool.root + "/ddpmd.prom" }
  private var socket: String { spool.root + "/metrics" }

  init() throws {
    spool = try TestSpool(
      worker: """
        mkdir -p "$1/checkpoints"; touch -d @1600000000 "$1/checkpoints/step-1.json"
        echo '{"progress": {"step": 3, "steps": 64, "loss": 0.25, "images_per_second": 12.5}}'
        while ! [ -e "$1/go" ]; do sleep 0.02; done
        """ + "\n" + Script.once("kill -9 $$", then: Script.finish))
  }

  @Test func fileAndSocketSayWhatTheSpoolShows() async throws {
    let daemon = try start()
    let id = try await spool.submitJob("shirts")
    let next = try await spool.submitJob("next")
    _ = try spool.submit("no job")
    let labels = #"{job="1",kind="sample",name="shirts"}"#
    let expected = [
      "ddpmd_jobs{state=\"running\"}": 1, "ddpmd_jobs{state=\"queued\"}": 1,
      "ddpmd_jobs{state=\"done\"}": 0, "ddpmd_rejections_total": 1, "ddpmd_admissions_total": 2,
      "ddpmd_job_steps_done" + labels: 3, "ddpmd_job_steps" + labels: 64,
      "ddpmd_job_loss" + labels: 0.25, "ddpmd_job_images_per_second" + labels: 12.5,
      "ddpmd_job_attempt" + labels: 1, "ddpmd_job_checkpoint_timestamp_seconds" + labels: 1.6e9,
      "ddpmd_build_info{version=\"\(ddpmdVersion)\"}": 1, "ddpmd_paused": 0, "ddpmd_blocked": 0,
    ]
    for source in [readFile, scrape] {
      try await until("it says so") {
        let samples = try source()
        return expected.allSatisfy { samples[$0] == $1 }
      }
    }
    for job in [id, next] { try AtomicFile.write("", to: spool.directory(job).path + "/go") }
    for job in [id, next] { try await spool.waitFor(job, .done) }
    try await until("all is over") {
      try readFile()["ddpmd_jobs_ended_total{state=\"done\"}"] == 2
    }
    let samples = try scrape()
    for state in JobState.allCases {
      let there = try JobQueue(spool.layout).ids(in: state).count
      #expect(samples["ddpmd_jobs{state=\"\(state)\"}"] == Double(there))
    }
    #expect(samples["ddpmd_job_attempts_total"] == 4)
    #expect(samples["ddpmd_job_crashes_total"] == 2)
    #expect(samples.keys.allSatisfy { !$0.contains("job=") })
    await daemon.stop()
    #expect(try !Directory.exists(file) && !Directory.exists(socket), "an old truth is none")
  }

  /// Jobs that have ended are counted anew when they are removed, or run again.
  @Test func whatHasEndedIsCountedAnew() async throws {
    let daemon = try start()
    for id in [try await spool.submitJob("a"), try await spool.submitJob("b")] {
      try await spool.cancel(id)
      try await spool.waitFor(id, .cancelled)
    }
    func cancelled(_ count: Double) async throws {
      try await until("\(count) are counted") {
        try scrape()["ddpmd_jobs{state=\"cancelled\"}"] == count
      }
    }
    try await cancelled(2)
    try await spool.command("remove", 1)
    try await cancelled(1)
    try await spool.command("retry", 2)
    try await cancelled(0)
    await daemon.stop()
  }

  /// Without news the file stays as it is, however often the daemon wakes for something else.
  @Test func anIdleDaemonWritesNothing() async throws {
    let daemon = try start { $0.watchdogInterval = .milliseconds(5) }
    try await until("it is written") { try Directory.exists(file) }
    let id = try await spool.submitJob("a")
    try await spool.cancel(id)
    try await until("it is up to date") {
      try readFile()["ddpmd_jobs_ended_total{state=\"cancelled\"}"] == 1
    }
    let before = try FileStatus(ofLink: file)
    let pings = daemon.messages.all.count
    try await until("it woke again") { daemon.messages.all.count > pings + 20 }
    #expect(try FileStatus(ofLink: file) == before)
    await daemon.stop()
  }

  @Test func aReloadMovesFileAndSocket() async throws {
    let source = ConfigurationSource(file: spool.root + "/conf")
    func write(_ folder: String) throws {
      try AtomicFile.write(
        "metrics_file = \(folder)/a.prom\nmetrics_socket = \(folder)/a.socket\n",
        to: spool.root + "/conf")
    }
    let (one, two) = (spool.root + "/one", spool.root + "/two")
    for folder in [one, two] { try Directory.create(folder) }
    try write(one)
    let daemon = try TestDaemon(
      spool, configuration: try source.read().configuration, source: source)
    try await until("they are there") { try Directory.names(in: one).count == 2 }
    try write(two)
    daemon.requestReload()
    try await until("they have moved") {
      try Directory.names(in: one).isEmpty && Directory.names(in: two).count == 2
    }
    // What stands in the way is said, and the daemon goes on.
    try write(spool.root + "/three")
    daemon.requestReload()
    try await until("it is said") {
      daemon.journal.warnings.filter { $0.contains("/three/") }.count == 2
    }
    #expect(try Directory.names(in: two) == [])
    // The answer to who reloads says both, and the status one of them until they work.
    let reader = SpoolReader(spool.layout)
    try await until("it is answered") {
      try reader.reloadReport()?.notes.filter { $0.contains("/three/") }.count == 2
    }
    #expect(try reader.daemonProblem()?.contains("/three/a.socket") == true)
    try write(one)
    daemon.requestReload()
    try await until("nothing is wrong") {
      try Directory.names(in: one).count == 2 && reader.daemonProblem() == nil
    }
    await daemon.stop()
  }

  private func start(adjust: (inout SchedulingPolicy) -> Void = { _ in }) throws -> TestDaemon {
    var configuration = Configuration()
    (configuration.metricsFile, configuration.metricsSocket) = (file, socket)
    return try TestDaemon(spool, configuration: configuration, adjust: adjust)
  }

  /// The samples in the file; none as long as there is no file.
  private func readFile() throws -> [String: Double] {
    try PrometheusText(String(decoding: readFileIfPresent(file) ?? [], as: UTF8.self)).samples
  }

  private func scrape() throws -> [String: Double] {
    let client = try UnixClient(socket)
    client.say("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    let parts = client.hear().split(separator: "\r\n\r\n", maxSplits: 1)
    try #require(parts.count == 2 && parts[0].hasPrefix("HTTP/1.0 200 OK\r\n"))
    return try PrometheusText(String(parts[1])).samples
  }
}
