import DurableIO
import Glibc
import Spool
import Synchronization
import Testing

@testable import Supervision

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

  /// Who opens and closes files faster than hints are taken keeps the daemon from nothing else.
  @Test func endlessHintsAreTakenInPortions() throws {
    let spool = try TestSpool(worker: "")
    let watcher = try DropWatcher(spool.layout.drop)
    let names = ["a", "b"].map {
      "\(spool.layout.drop)/\(String(repeating: $0, count: 250))"
    }
    // The kernel's queue holds 16384 hints; of the same name in a row it keeps one.
    for turn in 0..<8000 { _ = try OpenFile(names[turn % 2], flags: O_WRONLY | O_CREAT) }
    watcher.takeHints()
    #expect(
      poll([watcher.descriptor], until: .now) == [true], "two megabytes are not taken at once")
    watcher.takeHints()
    watcher.takeHints()
    #expect(poll([watcher.descriptor], until: .now) == [false])
  }

  @Test func aDirectoryThatIsMissingIsAnError() {
    #expect(throws: SystemError.self) { _ = try DropWatcher("/nowhere") }
  }
}
