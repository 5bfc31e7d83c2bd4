import DurableIO
import Glibc
import Logging
import Spool
import Synchronization
import Testing

@testable import Supervision

@Suite struct ServiceLogTests {
  @Test(arguments: [
    (Logger.Level.debug, "<7>", "ddpmd: "), (.info, "<6>", "ddpmd: "),
    (.notice, "<5>", "ddpmd: "), (.warning, "<4>", "ddpmd: warning: "),
    (.error, "<3>", "ddpmd: error: "), (.critical, "<2>", "ddpmd: critical: "),
  ])
  func everyLineBeginsWithItsPriority(_ level: Logger.Level, journal: String, terminal: String) {
    for (isJournal, prefix) in [(true, journal), (false, terminal)] {
      let lines = Mutex<[String]>([])
      let handler = ServiceLog(logLevel: .trace, isJournal: isJournal) { line in
        lines.withLock { $0.append(line) }
      }
      Logger(label: "x") { _ in handler }.log(level: level, "two\nlines")
      #expect(lines.withLock { $0 } == ["\(prefix)two\n", "\(prefix)lines\n"])
    }
  }
}

@Suite struct ServiceNotifierTests {
  @Test func aStatusIsOneLine() {
    let said = Mutex<[String]>([])
    let notifier = ServiceNotifier { message in said.withLock { $0.append(message) } }
    notifier.notify(.status("a\nMAINPID=1"))
    #expect(said.withLock { $0 } == ["STATUS=a MAINPID=1"])
  }
}

@Suite struct DropWatcherTests {
  @Test(arguments: [true, false])
  func aFileThatIsWrittenOrMovedInIsNoticed(_ isMoved: Bool) throws {
    let spool = try TestSpool(worker: "")
    let watcher = try DropWatcher(spool.layout.drop)
    #expect(poll([watcher.descriptor], until: .now) == [false])
    let path = (isMoved ? spool.root : spool.layout.drop) + "/file"
    do {
      let file = try OpenFile(path, flags: O_WRONLY | O_CREAT)
      try file.write([1])
    }
    if isMoved { try Directory.rename(path, to: spool.layout.drop + "/file") }
    #expect(poll([watcher.descriptor], until: .now) == [true])
    watcher.takeHints()
    #expect(poll([watcher.descriptor], until: .now) == [false])
  }

  @Test func aDirectoryThatIsMissingIsAnError() {
    #expect(throws: SystemError.self) { _ = try DropWatcher("/nowhere") }
  }
}
