import DurableIO
import Glibc
import Jobs
import StrictJSON
import Testing

@testable import Spool

@Suite struct SpoolReaderTests {
  @Test func findsJobsByNumberAndByName() throws {
    let spool = try TestSpool()
    for (index, name) in ["a", "b", "a"].enumerated() {
      try spool.drop("\(index).json", jobFile(name))
    }
    try spool.startDaemon()
    try spool.queue.move(2, from: .queued, to: .running)
    let progress = Progress(step: 3, steps: 10, loss: 0.25)
    try AtomicFile.write(progress.json.serialized(), to: spool.layout.jobDirectory(2).progress)

    let jobs = try spool.reader.jobs()
    #expect(jobs.map(\.id) == [1, 2, 3])
    #expect(jobs.map(\.state) == [.queued, .running, .queued])
    #expect(jobs.map(\.envelope?.spec.name) == ["a", "b", "a"])
    #expect(jobs.map(\.progress) == [nil, progress, nil])
    #expect(try spool.reader.jobs(.name("a")).map(\.id) == [1, 3])
    #expect(try spool.reader.jobs(.number(2)).map(\.id) == [2])
    #expect(try spool.reader.jobs(.number(4)).isEmpty)
    #expect(try spool.reader.jobs(.name("c")).isEmpty)
    #expect(try spool.reader.events(of: 1).map(\.kind) == [.admitted])
  }

  @Test func showsAJobWhoseFilesItCannotRead() throws {
    let spool = try TestSpool()
    try spool.drop("job.json", jobFile("job"))
    try spool.startDaemon()
    try AtomicFile.write("{\"schema\": \"ddpm.envelope/9\"}", to: spool.layout.jobDirectory(1).job)
    try AtomicFile.write("half", to: spool.layout.jobDirectory(1).progress)
    let job = try #require(try spool.reader.jobs().first)
    #expect(job.state == .queued)
    #expect(job.envelope == nil)
    #expect(job.progress == nil)
  }

  @Test func countsTheFilesThatAreNoJobsYet() throws {
    let spool = try TestSpool()
    try spool.startDaemon()
    for name in ["a.json", "b.json", ".copied.json"] { try spool.drop(name, "{") }
    #expect(try spool.reader.waitingFiles() == 2)
    #expect(try spool.reader.rejectedFiles() == 0)
  }

  @Test func doesNotSeeAJobThatIsNotAdmittedYet() throws {
    let spool = try TestSpool()
    try Directory.create(spool.layout.jobDirectory(1).path)
    #expect(try spool.reader.jobs().isEmpty)
  }

  @Test func knowsTheDaemonByItsLock() throws {
    let spool = try TestSpool()
    #expect(try spool.reader.daemon() == nil)
    let lock = try #require(try FileLock.acquire(spool.layout.lock))
    #expect(try spool.reader.daemon() == getpid())
    #expect(try FileLock.acquire(spool.layout.lock) == nil, "there is one daemon a spool")
    #expect(try spool.reader.daemonProblem() == nil)
    try AtomicFile.write("the disk is full\n", to: spool.layout.problem)
    #expect(try spool.reader.daemonProblem() == "the disk is full")
    lock.release()
    #expect(try spool.reader.daemon() == nil)
    #expect(try spool.reader.daemonProblem() == nil, "the problem was the daemon's")
  }
}

@Suite struct SpoolLayoutTests {
  @Test func makesWhatIsMissingWithItsPermissions() throws {
    let spool = try TestSpool()
    let layout = spool.layout
    #expect(try FileStatus(ofLink: layout.drop).permissions == 0o700)
    #expect(try FileStatus(ofLink: layout.claim).permissions == 0o700)
    #expect(try FileStatus(ofLink: layout.jobs).permissions == 0o755)
    // What an administrator has set is left alone.
    try Directory.setPermissions(0o1730, of: layout.drop)
    try Directory.removeTree(layout.receipts)
    try layout.createDirectories()
    #expect(try FileStatus(ofLink: layout.drop).permissions == 0o1730)
    #expect(try FileStatus(ofLink: layout.receipts).kind == .directory)
  }
}
