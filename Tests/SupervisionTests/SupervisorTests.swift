import DurableIO
import Glibc
import Jobs
import Spool
import Testing

@testable import Supervision

/// The real supervisor with real processes, on a real spool.
@Suite(.timeLimit(.minutes(10))) struct SupervisorTests {
  @Test func aJobRunsToItsEnd() async throws {
    let spool = try TestSpool(
      worker: #"""
        echo "$@" > "$1/arguments"
        echo '{"progress": {"step": 7, "steps": 9, "loss": 0.5}}'
        echo words >&2
        """# + "\n" + Script.finish)
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .done)
    await daemon.stop()
    let directory = spool.directory(id)
    #expect(try text(directory.path + "/arguments") == "\(directory.path) --threads 3 --share 3\n")
    #expect(try text(directory.log) == "words\n")
    #expect(try spool.job(id)?.progress == Progress(step: 7, steps: 9, loss: 0.5))
    #expect(try spool.history(id) == [.admitted, .started, .finished])
  }

  @Test func jobsThatLayThereBeforeTheDaemonRunInOrder() async throws {
    let spool = try TestSpool(worker: #"echo "$1" >> "$1/../../order"; "# + Script.finish)
    let tokens = try (0..<5).map { _ in try spool.submit(sampleJob) }
    let daemon = try TestDaemon(spool)
    for token in tokens { try await spool.waitFor(spool.accepted(token), .done) }
    await daemon.stop()
    let order = try text(spool.layout.state + "/order").split(separator: "\n").compactMap {
      Int($0.split(separator: "/").last ?? "")
    }
    #expect(order == [1, 2, 3, 4, 5])
  }

  @Test func aJobThatCannotSucceedFailsWithItsReason() async throws {
    let spool = try TestSpool(worker: #"echo '{"failed": "no such data set"}'; exit 65"#)
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .failed)
    await daemon.stop()
    #expect(try spool.job(id)?.entry.reason == "no such data set")
  }

  @Test func aKilledWorkerIsStartedAgain() async throws {
    let spool = try TestSpool(worker: Script.once("kill -9 $$", then: Script.finish))
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .done)
    await daemon.stop()
    #expect(try spool.history(id) == [.admitted, .started, .crashed, .started, .finished])
    #expect(try spool.job(id)?.entry.attempts == 2)
  }

  @Test func whatAKilledWorkerLeftUnfinishedIsClearedAway() async throws {
    let spool = try TestSpool(
      worker: #"mkdir "$1/checkpoints"; touch "$1/checkpoints/.step.1.tmp"; kill -9 $$"#)
    let daemon = try TestDaemon(spool) { $0.crashLimit = 1 }
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .failed)
    await daemon.stop()
    #expect(try Directory.names(in: spool.directory(id).checkpoints).isEmpty)
  }

  /// What a daemon before this one saw counts, and is told from what this one sees.
  @Test(arguments: [(resumedAt: 10, state: JobState.done), (resumedAt: 20, state: .failed)])
  func crashesCountAcrossDaemonsUntilACheckpoint(resumedAt: Int, state: JobState) async throws {
    let progress = #"echo '{"progress": {"step": 20, "steps": 100}}'; sleep 0.2; kill -9 $$"#
    let spool = try TestSpool(worker: Script.once(progress, then: Script.finish))
    _ = try spool.submit(sampleJob)
    var admission = try Admission(spool.layout)
    #expect(admission.scan().count == 1)
    var entry = QueueEntry(id: 1)
    (entry.crashes, entry.resumedAt) = (4, resumedAt)
    try JobQueue(spool.layout).update(entry, in: .queued)
    let daemon = try TestDaemon(spool) { $0.crashLimit = 5 }
    try await spool.waitFor(1, state)
    await daemon.stop()
  }

  @Test func aJobThatAlwaysCrashesFailsWithEvidence() async throws {
    let spool = try TestSpool(worker: "echo last words of $$ >&2; kill -SEGV $$")
    let daemon = try TestDaemon(spool) { $0.crashLimit = 3 }
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .failed)
    await daemon.stop()
    let reason = try #require(try spool.job(id)?.entry.reason)
    #expect(reason.contains("3 times") && reason.contains("SIGSEGV"))
    let events = try SpoolReader(spool.layout).events(of: id)
    #expect(events.map(\.kind).suffix(3) == [.crashed, .started, .failed])
    #expect(events.map(\.attempt) == [0, 1, 1, 2, 2, 3, 3])
    // Each crash with its own words, and no others.
    for event in events where event.kind == .crashed || event.kind == .failed {
      #expect(event.logLines.count == 1 && event.logLines[0].hasPrefix("last words of"))
    }
  }

  @Test func whatTheMachineDoesWrongIsTriedAgain() async throws {
    let spool = try TestSpool(
      worker: Script.once("echo No space left on device >&2; exit 75", then: Script.finish))
    let daemon = try TestDaemon(spool) { $0.crashLimit = 1 }
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .done)
    await daemon.stop()
    let events = try SpoolReader(spool.layout).events(of: id)
    #expect(events.map(\.kind) == [.admitted, .started, .deferred, .started, .finished])
    #expect(events[2].reason == "No space left on device")
  }

  @Test func aWorkerThatCannotBeStartedIsTriedAgain() async throws {
    let spool = try TestSpool(worker: Script.finish)
    try Directory.setPermissions(0o644, of: spool.worker)
    let daemon = try TestDaemon(spool) { $0.crashLimit = 1 }
    let id = try await spool.submitJob()
    try await until("the job is deferred") { try spool.history(id).contains(.deferred) }
    try Directory.setPermissions(0o755, of: spool.worker)
    try await spool.waitFor(id, .done)
    await daemon.stop()
  }

  @Test func nonsenseOnStandardOutputIsIgnored() async throws {
    let spool = try TestSpool(
      worker: #"""
        head -c 300000 /dev/urandom
        printf '\n{"progress": {"step": 3}}\n{}\n{"finished": tr'
        printf '\n{"progress": {"step": 5, "steps": 9}}\nnot a line'
        """# + "\n" + Script.finish)
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .done)
    await daemon.stop()
    #expect(try spool.job(id)?.progress?.step == 5)
  }

  @Test func aWorkersLeftoversEndWithIt() async throws {
    // The grandchild holds the pipe open and would outlive its parent by far.
    let spool = try TestSpool(
      worker: #"sleep 1000 & echo $! > "$1/child"; "# + Script.finish)
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .done)
    let child = try #require(Int32(try text(spool.directory(id).path + "/child").dropLast()))
    try await until("the leftover is gone") { !isAlive(child) }
    await daemon.stop()
  }

  /// A Swift program's trap, with a stack trace that is longer than what is kept of a log.
  @Test func aFatalErrorIsKeptAsEvidence() async throws {
    let spool = try TestSpool(
      worker: #"""
        echo "step 1" >&2
        echo "W.swift:7: Fatal error: Index out of range" >&2
        seq -f '%g 0x00005581f2d0 closure #1 in work() + 112 in ddpm-worker' 1 2000 >&2
        kill -TRAP $$
        """#)
    let daemon = try TestDaemon(spool) { $0.crashLimit = 1 }
    let id = try await spool.submitJob()
    try await spool.waitFor(id, .failed)
    await daemon.stop()
    let event = try #require(try SpoolReader(spool.layout).events(of: id).last)
    #expect(event.reason?.hasSuffix(": W.swift:7: Fatal error: Index out of range") == true)
    #expect(event.logLines.first == "W.swift:7: Fatal error: Index out of range")
    #expect(event.logLines.count == 10)
  }

  /// A job that reads the model of another says so, and does not outlive its hope.
  @Test func aJobWaitsForItsModelAndFailsWithoutIt() async throws {
    let spool = try TestSpool(worker: Script.workUntilStopped)
    let daemon = try TestDaemon(spool, maxWorkers: 2)
    let maker = try await spool.accepted(try spool.submit(trainJob))
    let ids = [
      try await spool.submitJob(model: #"{"job": "long"}"#),
      try await spool.accepted(try spool.submit(fineTuningJob)),
    ]
    for id in ids {
      try await until("it says that it waits") {
        try spool.job(id)?.entry.reason == "waits for job \(maker) (train long)"
      }
    }
    try await spool.cancel(maker)
    for id in ids { try await spool.waitFor(id, .failed) }
    await daemon.stop()
    for id in ids {
      #expect(
        try spool.job(id)?.entry.reason
          == "its model was to come from job \(maker) (train long), which was cancelled")
      #expect(try spool.history(id) == [.admitted, .failed])
    }
  }

  // MARK: Cancelling

  @Test func aQueuedJobIsCancelledWithoutRunning() async throws {
    let spool = try TestSpool(worker: Script.workUntilStopped)
    let daemon = try TestDaemon(spool)
    let first = try await spool.submitJob()
    let second = try await spool.submitJob()
    try await spool.cancel(second)
    try await spool.waitFor(second, .cancelled)
    #expect(try spool.job(first)?.state == .running)
    await daemon.stop()
    #expect(try spool.history(second) == [.admitted, .cancelled])
  }

  @Test func aRunningJobIsCancelled() async throws {
    let spool = try TestSpool(worker: Script.workUntilStopped)
    let daemon = try TestDaemon(spool)
    let id = try await spool.submitJob()
    try await spool.waitFor(file: spool.directory(id).path + "/up")
    try await spool.cancel(id)
    try await spool.waitFor(id, .cancelled)
    await daemon.stop()
    #expect(try spool.history(id) == [.admitted, .started, .cancelling, .cancelled])
  }

  @Test func aHungWorkerIsKilledWithAllItStarted() async throws {
    let spool = try TestSpool(worker: "echo $$ > \"$1/process\"\n" + Script.hang)
    let daemon = try TestDaemon(spool) { $0.stopGrace = .milliseconds(50) }
    let id = try await spool.submitJob()
    try await spool.waitFor(file: spool.directory(id).path + "/up")
    let process = try #require(Int32(try text(spool.directory(id).path + "/process").dropLast()))
    try await spool.cancel(id)
    try await spool.waitFor(id, .cancelled)
    #expect(!isAlive(process))
    await daemon.stop()
  }

  // MARK: The daemon's ends and beginnings

  @Test func aStoppedDaemonsJobsGoOnWithTheNext() async throws {
    let spool = try TestSpool(
      worker: Script.once(Script.workUntilStopped, then: Script.finish))
    let first = try TestDaemon(spool)
    let id = try await spool.submitJob()
    try await spool.waitFor(file: spool.directory(id).path + "/up")
    await first.stop()
    #expect(try spool.job(id)?.state == .queued)
    let second = try TestDaemon(spool)
    try await spool.waitFor(id, .done)
    await second.stop()
    #expect(
      try spool.history(id) == [.admitted, .started, .stopped, .started, .finished])
  }

  @Test func aSecondStopKillsAWorkerThatHangs() async throws {
    let spool = try TestSpool(worker: Script.hang)
    let daemon = try TestDaemon(spool) {
      $0.stopGrace = .seconds(1000)
      $0.stopEcho = .milliseconds(20)
    }
    let id = try await spool.submitJob()
    try await spool.waitFor(file: spool.directory(id).path + "/up")
    // Until one comes that is not taken for an echo of the first.
    try await until("the daemon has stopped") {
      daemon.requestStop()
      return try FileLock.holder(spool.layout.lock) == nil
    }
    await daemon.stop()
    #expect(try spool.job(id)?.state == .queued)
    #expect(try spool.job(id)?.entry.crashes == 0)
  }

  @Test func thereIsOneDaemonForASpool() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let daemon = try TestDaemon(spool)
    #expect(
      throws: SupervisorError.anotherDaemon(state: spool.layout.state, processID: getpid())
    ) { _ = try TestDaemon(spool) }
    await daemon.stop()
    let next = try TestDaemon(spool)
    await next.stop()
  }

  @Test func whatADeadDaemonLeftIsTakenUp() async throws {
    let spool = try TestSpool(worker: Script.finish)
    for _ in 0..<3 { _ = try spool.submit(sampleJob) }
    var admission = try Admission(spool.layout)
    #expect(admission.scan().count == 3)
    // All three ran when the daemon and its workers died: the first was at work, the second had
    // published its results, the third was being cancelled.
    let queue = JobQueue(spool.layout)
    for id in 1...3 { try queue.move(id, from: .queued, to: .running) }
    try Directory.create(spool.directory(2).results)
    var cancelled = QueueEntry(id: 3)
    cancelled.cancelRequested = true
    try queue.update(cancelled, in: .running)

    let daemon = try TestDaemon(spool)
    try await spool.waitFor(1, .done)
    await daemon.stop()
    #expect(try spool.history(1) == [.admitted, .crashed, .started, .finished])
    #expect(try spool.history(2) == [.admitted, .finished])
    #expect(try spool.history(3) == [.admitted, .cancelled])
    #expect(try (1...3).map { try spool.job($0)?.state } == [.done, .done, .cancelled])
  }

  /// A worker that outlived its daemon is asked to stop, is waited for, and only then does the
  /// job run again; `answer` is what it does when it is asked.
  @Test(arguments: ["exit 75", "print STDERR 'no'"])
  func aWorkerOfAnEarlierDaemonIsWaitedFor(_ answer: String) async throws {
    let spool = try TestSpool(
      worker: #"grep -qs ') [^Z]' "/proc/$(cat "$1/orphan")/stat" && exit 65; "# + Script.finish)
    // An earlier daemon admitted the job, started its worker, and died.
    _ = try spool.submit(sampleJob)
    var admission = try Admission(spool.layout)
    #expect(admission.scan().count == 1)
    try JobQueue(spool.layout).move(1, from: .queued, to: .running)
    let orphan = spool.root + "/orphan.pl"
    try AtomicFile.write(orphanScript(answer), to: orphan)
    let directory = spool.directory(1)
    let process = try WorkerProcess(
      SpawnRequest(
        executable: "/usr/bin/perl", arguments: [orphan, directory.path], environment: [],
        directory: "/", log: spool.root + "/orphan.log"))
    try await spool.waitFor(file: directory.path + "/orphan")
    #expect(try FileLock.holder(directory.lock) == process.processID)

    let daemon = try TestDaemon(spool) { $0.stopGrace = .milliseconds(300) }
    try await spool.waitFor(1, .done)
    await daemon.stop()
    #expect(try spool.history(1).contains(.started))
    _ = process.end()
  }

  // MARK: What lands in drop/

  @Test func malformedFilesAreRejectedAndTheDaemonGoesOn() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let daemon = try TestDaemon(spool)
    let malformed: [String: [UInt8]] = [
      "empty": [], "half": Array(sampleJob.utf8.dropLast(9)), "binary": [0, 255, 1, 254],
      "large": Array(repeating: UInt8(ascii: " "), count: 2 << 20),
      "unknown": Array(sampleJob.replacing("count", with: "cuont").utf8),
      "array": Array("[]".utf8),
    ]
    for (name, bytes) in malformed {
      try AtomicFile.write(bytes, to: "\(spool.layout.drop)/\(name).json")
    }
    for name in malformed.keys {
      try await spool.waitFor(file: "\(spool.layout.rejected)/\(name).json.reason")
    }
    try await spool.waitFor(spool.submitJob(), .done)
    await daemon.stop()
    #expect(try Directory.names(in: spool.layout.drop).isEmpty)
  }

  @Test func aCancellationOfNoJobIsRejected() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let daemon = try TestDaemon(spool)
    let token = try spool.submit(commandFile("cancel", 99))
    try await until("it is rejected") {
      guard case .rejected(let reason) = try Submission.outcome(of: token, in: spool.layout) else {
        return false
      }
      return reason.contains("no job 99")
    }
    await daemon.stop()
  }

  /// What cannot be admitted for lack of room is said once in the log, and shown as long as it
  /// waits.
  @Test func aFullDiskIsShown() async throws {
    let spool = try TestSpool(worker: Script.finish)
    let reader = SpoolReader(spool.layout)
    let token = try spool.submit(sampleJob)
    let daemon = try TestDaemon(spool, freeSpaceFloor: .max) {
      $0.diskDelay = .milliseconds(1)
      $0.watchdogInterval = .milliseconds(20)
    }
    try await until("the problem is shown") {
      try reader.daemonProblem()?.contains("MB are needed to admit a job") == true
    }
    try await until("it was tried again") {
      daemon.messages.all.filter { $0 == "WATCHDOG=1" }.count > 2
    }
    #expect(daemon.journal.warnings.count == 1, "\(daemon.journal.warnings)")
    await daemon.stop()
    let next = try TestDaemon(spool)
    try await spool.waitFor(spool.accepted(token), .done)
    #expect(try reader.daemonProblem() == nil)
    await next.stop()
  }

  // MARK: The service manager

  @Test func theServiceManagerHearsOfTheDaemonsLife() async throws {
    let spool = try TestSpool(
      worker: #"""
        trap 'exit 75' TERM
        echo '{"progress": {"step": 3, "steps": 64}}'
        while :; do sleep 0.02; done
        """#)
    let daemon = try TestDaemon(spool) { $0.watchdogInterval = .milliseconds(20) }
    _ = try await spool.submitJob("shirts")
    let status = "STATUS=sample shirts (job 1) image 3/64"
    try await until("the status is told") { daemon.messages.all.contains(status) }
    try await until("the watchdog is fed") {
      daemon.messages.all.filter { $0 == "WATCHDOG=1" }.count > 2
    }
    await daemon.stop()
    let all = daemon.messages.all
    #expect(all.first == "READY=1")
    let stopping = try #require(all.firstIndex(of: "STOPPING=1"))
    #expect(try #require(all.firstIndex(of: status)) < stopping)
    #expect(all.last { $0.hasPrefix("STATUS=") }?.hasPrefix("STATUS=stopping") == true)
  }

  private func text(_ path: String) throws -> String {
    String(decoding: try readFile(path), as: UTF8.self)
  }

  private func isAlive(_ process: Int32) -> Bool {
    // A zombie that its new parent has not reaped counts as gone.
    let status = (try? text("/proc/\(process)/stat")) ?? ""
    return !status.isEmpty && !status.contains(") Z ")
  }

  /// Holds the job's lock as a worker does, with an open-file-description lock.
  private func orphanScript(_ answer: String) -> String {
    #"""
    $SIG{TERM} = sub { \#(answer) };
    open(my $lock, '+>', "$ARGV[0]/lock") or die;
    my $request = pack('s s x4 q q i x4', 1, 0, 0, 0, 0);
    fcntl($lock, 37, $request) or die;
    syswrite($lock, "$$\n");
    open(my $flag, '>', "$ARGV[0]/orphan.new") or die;
    syswrite($flag, $$);
    rename("$ARGV[0]/orphan.new", "$ARGV[0]/orphan");
    sleep 1 while 1;
    """#
  }
}

private let sampleJob = """
  {"schema": "ddpm.job/1", "kind": "sample", "name": "a", "seed": 1, "count": 1,
   "model": {"path": "/model"}}
  """

private let trainJob = """
  {"schema": "ddpm.job/1", "kind": "train", "name": "long", "seed": 1,
   "dataset": {"type": "images", "path": "/images"}, "unet": {"preset": "fashion-mnist-28"},
   "scheduler": {"preset": "fashion-mnist-28"}, "training": {"batch_size": 1, "steps": 1}}
  """

private let fineTuningJob = """
  {"schema": "ddpm.job/1", "kind": "train", "name": "tuned", "seed": 1,
   "dataset": {"type": "images", "path": "/images"}, "init": {"job": "long"},
   "training": {"batch_size": 1, "steps": 1}}
  """
