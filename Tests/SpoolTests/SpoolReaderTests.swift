import DurableIO
import Glibc
import Jobs
import StrictJSON
import Synchronization
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

  /// Wherever in a look at the queue a job moves: it is found where it was, or where it is.
  @Test func aJobThatMovesMeanwhileIsFound() throws {
    let moves: [(JobState, JobState)] = [
      (.queued, .running), (.running, .queued), (.running, .done), (.deferred, .queued),
      (.held, .queued), (.failed, .queued), (.queued, .cancelled),
    ]
    for (old, new) in moves {
      var listing = 0
      while true {
        let spool = try TestSpool(onDisk: false)
        try spool.queue.add(QueueEntry(id: 1), to: old, of: spool)
        let disturbance = MoveAtListing(listing, spool.queue, old, new)
        let jobs = try Syscalls.$fileSystem.withValue(disturbance) {
          try spool.reader.jobs().map(\.id)
        }
        #expect(jobs == [1], "\(old) to \(new) at listing \(listing)")
        if !disturbance.hasHappened { break }
        listing += 1
      }
      #expect(listing > JobState.allCases.count)
    }
  }

  @Test func ofTheJobsThatAreOverOnlyThoseThatAreWantedAreRead() throws {
    let spool = try TestSpool()
    for index in 1...6 { try spool.drop("\(index).json", jobFile("job-\(index)")) }
    try spool.startDaemon()
    for (id, end) in [(1, 50), (2, 20), (3, 40), (4, 30)] {
      try spool.queue.move(id, from: .queued, to: id == 3 ? .failed : .done)
      let entry = spool.layout.queueEntry(id, id == 3 ? .failed : .done)
      var times = [timespec(tv_sec: end, tv_nsec: 0), timespec(tv_sec: end, tv_nsec: 0)]
      #expect(unsafe utimensat(AT_FDCWD, entry, &times, 0) == 0)
    }
    func latest(
      _ limit: Int, in states: Set<JobState> = Set(JobState.allCases), without id: Int? = nil
    ) throws -> (jobs: [Int], unread: Int, files: Int) {
      let record = RecordingFileSystem()
      let (jobs, unread) = try Syscalls.$fileSystem.withValue(record) {
        try spool.reader.jobs(in: states, ended: limit) { $0.id == id ? nil : $0.id }
      }
      let files = record.events.count { event in
        if case .call(let call, _) = event { call.path.hasSuffix("/job.json") } else { false }
      }
      return (jobs, unread, files)
    }
    // A file is opened, examined and read.
    let perFile = try latest(1, in: [.failed]).files
    #expect(try latest(2) == ([1, 3, 5, 6], 2, 4 * perFile))
    #expect(try latest(2, without: 3) == ([1, 4, 5, 6], 1, 5 * perFile))
    #expect(try latest(2, in: [.done]) == ([1, 4], 1, 2 * perFile))
    #expect(try latest(9) == ([1, 2, 3, 4, 5, 6], 0, 6 * perFile))
    #expect(try latest(0) == ([5, 6], 4, 2 * perFile))
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
    // One that only its owner can move has been refused and stays.
    try Directory.create(spool.layout.drop + "/folder")
    #expect(try spool.reader.waitingFiles() == 2)
    #expect(try spool.reader.rejectedFiles().count == 0)
  }

  /// Without its claim/ as well the spool's disk may be away.
  @Test func theWayInIsMadeAnewWhereItAloneIsMissing() throws {
    let spool = try TestSpool()
    let before = try FileStatus(ofLink: spool.layout.drop)
    #expect(try !spool.layout.remakeDrop())
    try Directory.removeTree(spool.layout.drop)
    #expect(try spool.layout.remakeDrop())
    #expect(try FileStatus(ofLink: spool.layout.drop).permissions == before.permissions)
    for path in [spool.layout.drop, spool.layout.claim] { try Directory.removeTree(path) }
    #expect(try !spool.layout.remakeDrop())
    #expect(try !Directory.exists(spool.layout.drop))
  }

  /// Of commands their givers were told; what was refused last is known with its reason.
  @Test func knowsTheFileThatWasRefusedLast() throws {
    let spool = try TestSpool()
    let names = ["b.json", "a.json", "command-\(String(repeating: "0", count: 32)).json"]
    for (index, name) in names.enumerated() {
      let path = spool.layout.reason(ofRejected: name)
      try AtomicFile.write("no \(name)\n", to: path)
      let time = timespec(tv_sec: 1000 + index, tv_nsec: 0)
      #expect(unsafe utimensat(AT_FDCWD, path, [time, time], 0) == 0)
    }
    let (count, last) = try spool.reader.rejectedFiles()
    #expect(count == 2)
    #expect(last?.name == "a.json" && last?.reason == "no a.json\n")
    #expect(last?.time == Timestamp(milliseconds: 1_001_000))
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

/// Moves job 1 when a directory is listed for the so-manieth time.
private final class MoveAtListing: FileSystem {
  private let queue: JobQueue
  private let (old, new): (JobState, JobState)
  private let listingsLeft: Mutex<Int>

  init(_ listing: Int, _ queue: JobQueue, _ old: JobState, _ new: JobState) {
    listingsLeft = Mutex(listing)
    (self.queue, self.old, self.new) = (queue, old, new)
  }

  var hasHappened: Bool { listingsLeft.withLock { $0 < 0 } }

  func perform(_ call: FileCall, _ kernel: () -> Int) -> Int {
    let isDue =
      call.operation == "list"
      && listingsLeft.withLock { left in
        left -= 1
        return left == -1
      }
    if isDue { try? Syscalls.$fileSystem.withValue(nil) { try queue.move(1, from: old, to: new) } }
    return kernel()
  }

  func write(
    _ call: FileCall, _ bytes: UnsafeRawBufferPointer, _ kernel: (UnsafeRawBufferPointer) -> Int
  ) -> Int {
    unsafe kernel(bytes)
  }
}
