import DurableIO
import Glibc
import Jobs
import Logging
import Spool
import Synchronization
import Testing

@testable import Supervision

@Suite struct ServiceLogTests {
  /// Without a journal; and with one that takes nothing.
  @Test(arguments: [
    (Logger.Level.debug, "<7>", "ddpmd: "), (.info, "<6>", "ddpmd: "),
    (.notice, "<5>", "ddpmd: "), (.warning, "<4>", "ddpmd: warning: "),
    (.error, "<3>", "ddpmd: error: "), (.critical, "<2>", "ddpmd: critical: "),
  ])
  func everyLineSaysItsLevel(_ level: Logger.Level, journal: String, terminal: String) {
    for (isJournal, prefix) in [(true, journal), (false, terminal)] {
      let lines = Mutex<[String]>([])
      let refuse: @Sendable ([String]) -> Bool = { _ in false }
      let handler = ServiceLog(logLevel: .trace, send: isJournal ? refuse : nil) { line in
        lines.withLock { $0.append(line) }
      }
      Logger(label: "x") { _ in handler }.log(level: level, "two\nlines", metadata: ["JOB_ID": "1"])
      #expect(lines.withLock { $0 } == ["\(prefix)two\n", "\(prefix)lines\n"])
    }
  }

  /// What others wrote steers no terminal, and begins no line without its level.
  @Test func controlCharactersAreEscaped() {
    let hostile = "/srv/\u{1B}[31mX\u{9B}0m\r\u{202E}\nlast"
    let journal = TestJournal()
    let lines = Mutex<[String]>([])
    for send in [journal.take, nil] as [(@Sendable ([String]) -> Bool)?] {
      let handler = ServiceLog(logLevel: .info, send: send) { line in
        lines.withLock { $0.append(line) }
      }
      Logger(label: "x") { _ in handler }.info("\(hostile)", metadata: ["JOB_NAME": "\(hostile)"])
    }
    let first = #"/srv/\u{1B}[31mX\u{9B}0m\r\u{202E}"#
    #expect(lines.withLock { $0 } == ["ddpmd: \(first)\n", "ddpmd: last\n"])
    #expect(journal.entries.map { $0["MESSAGE"] } == ["\(first)\nlast"])
    #expect(journal.entries.map { $0["JOB_NAME"] } == [#"\#(first)\nlast"#])
  }

  @Test func anEntryInTheJournalHasItsFields() {
    let journal = TestJournal()
    let handler = ServiceLog(logLevel: .info, send: journal.take) { Issue.record("written: \($0)") }
    let log = Logger(label: "x") { _ in handler }
    log.debug("left out")
    log.warning("two\nlines = 2", metadata: ["JOB_ID": "17", "JOB_NAME": "a=b"])
    #expect(
      journal.entries == [
        [
          "MESSAGE": "two\nlines = 2", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "ddpmd",
          "JOB_ID": "17", "JOB_NAME": "a=b",
        ]
      ])
  }
}

/// What the daemon writes into the journal, and what its catalogue says of it.
@Suite(.timeLimit(.minutes(10))) struct JournalTests {
  private let catalogue: [String: Substring]

  init() throws {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let text = String(decoding: try readFile("/\(root)/systemd/ddpmd.catalog"), as: UTF8.self)
    let entries = text.split(separator: "\n-- ").dropFirst()
    catalogue = try Dictionary(
      entries.map { (String($0.prefix(32)), $0.dropFirst(32)) },
      uniquingKeysWith: { _, entry in throw DoubleEntry(text: entry) })
  }

  private struct DoubleEntry: Error { let text: Substring }

  @Test func everyMessageIsInTheCatalogue() {
    #expect(Set(catalogue.keys) == Set(JournalMessage.allCases.map(\.rawValue)))
    for entry in catalogue.values {
      #expect(
        entry.firstMatch(of: /^\nSubject: .+\nDefined-By: ddpmd\nDocumentation: .+\n\n/) != nil)
    }
  }

  @Test func aJobsLifeIsFoundByItsNumber() async throws {
    let spool = try TestSpool(
      worker: Script.once(
        "echo '{\"progress\": {\"step\": 1, \"steps\": 2}}'; kill -9 $$",
        then: Script.finish))
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob("shirts")
    try await spool.waitFor(id, .done)
    let other = try await spool.submitJob("other")
    try await spool.waitFor(other, .done)
    _ = try spool.submit(#"{"schema": "ddpm.job/1", "kind": "sample", "name": "x"}"#)
    // Each of its problems is a line of the reason, and all are one line here.
    try await until("it is rejected") {
      daemon.journal.warnings.contains {
        $0.contains(/^rejected [^ ]+ from [^ ]+: \$: [^;]+; \$: [^;]+$/)
      }
    }
    await daemon.stop()

    let entries = daemon.journal.entries
    let life = entries.filter { $0["JOB_ID"] == "\(id)" }
    #expect(
      life.map { $0["MESSAGE_ID"].flatMap(JournalMessage.init) }
        == [.admitted, .started, .crashed, .started, .finished])
    #expect(life.map { $0["STATE"] } == ["queued", "running", "deferred", "running", "done"])
    #expect(life.map { $0["ATTEMPT"] } == [nil, "1", "1", "2", "2"])
    #expect(life.map { $0["PRIORITY"] } == ["6", "6", "4", "6", "6"])
    let user = userName(geteuid())
    #expect(life.first?["MESSAGE"]?.hasSuffix("admitted from \(user)") == true)
    #expect(life.allSatisfy { $0["JOB_USER"] == user })
    let refused = entries.filter { $0["MESSAGE_ID"] == JournalMessage.rejected.rawValue }
    #expect(refused.map { $0["JOB_USER"] } == [user])
    #expect(life.allSatisfy { $0["JOB_NAME"] == "shirts" && $0["JOB_KIND"] == "sample" })
    let ids = entries.compactMap { $0["MESSAGE_ID"].flatMap(JournalMessage.init) }
    #expect(ids.first == .serving && ids.last == .ended && ids.contains(.rejected))
    // What the catalogue shows of an entry is among its fields.
    for entry in entries {
      for name in catalogue[entry["MESSAGE_ID"] ?? ""]?.matches(of: /@([A-Z_]+)@/) ?? [] {
        #expect(entry[String(name.output.1)] != nil, "\(entry)")
      }
    }
  }
}
