import DurableIO
import Jobs
import Testing

@testable import Spool

/// Jobs whose files are not there any more: they are seen, commanded and removed by their entries.
@Suite struct JobAbsenceTests {
  /// What somebody has taken away.
  enum Loss: CaseIterable {
    case folder, file

    func happen(to directory: JobDirectory) throws {
      switch self {
      case .folder: try Directory.removeTree(directory.path)
      case .file: try Directory.remove(directory.job)
      }
    }

    func path(_ directory: JobDirectory) -> String {
      self == .folder ? directory.path : directory.job
    }
  }

  /// Jobs 1 and 2 in `state`, of which the first has lost its files.
  private func spool(_ state: JobState, _ loss: Loss) throws -> TestSpool {
    let spool = try TestSpool(onDisk: false)
    for id in 1...2 { try spool.drop("\(id).json", jobFile("job-\(id)")) }
    try spool.startDaemon()
    for id in 1...2 where state != .queued {
      var entry = QueueEntry(id: id)
      entry.ended = state.isFinal ? .now() : nil
      try spool.queue.move(entry, from: .queued, to: state)
    }
    try loss.happen(to: spool.layout.jobDirectory(1))
    return spool
  }

  @Test(arguments: JobState.allCases, Loss.allCases)
  func theyAreShownAndCommanded(state: JobState, loss: Loss) throws {
    let spool = try spool(state, loss)
    let job = try #require(try spool.reader.job(1))
    let command = state.isFinal ? "remove" : "cancel"
    #expect(
      job.absence == "\(loss.path(spool.layout.jobDirectory(1))) is missing; "
        + "if it cannot be put back, \(command) job 1")
    #expect(try spool.reader.jobs(in: [state]).map(\.id) == [1, 2])
    #expect(try spool.reader.job(2)?.absence == nil)
    try spool.drop("command.json", commandFile(command, 1))
    var admission = try spool.admission()
    let wanted: JobCommand = state.isFinal ? .remove : .cancel
    #expect(admission.scan().compactMap(\.command) == [.job(1, wanted)])
    try spool.startDaemon()
    #expect(try spool.queue.state(of: 1) == (state.isFinal ? nil : .cancelled))
    if state.isFinal {
      #expect(try spool.names(spool.layout.removing).isEmpty)
      #expect(try spool.names(spool.layout.jobs) == ["2"])
    }
  }

  @Test(arguments: [JobState.done, .failed, .cancelled], Loss.allCases)
  func theyAreRemovedAsTheOthersAre(state: JobState, loss: Loss) throws {
    for isByAge in [true, false] {
      let spool = try spool(state, loss)
      var retention = JobRemoval.Retention()
      (retention.age, retention.count) = isByAge ? (.seconds(60), nil) : (nil, 0)
      let later = Timestamp(milliseconds: Timestamp.now().milliseconds + 90_000)
      let (removed, troubles) = try JobRemoval(spool.layout).purge(
        retention, sparing: [], names: ["job-1"], atMost: 9, now: later)
      #expect(removed == [1, 2] && troubles.isEmpty)
      #expect(try spool.names(spool.layout.jobs).isEmpty)
    }
  }

  /// What is being removed is not taken for damaged.
  @Test func aJobThatIsBeingRemovedIsGone() throws {
    let spool = try spool(.done, .folder)
    let jobs = try Syscalls.$fileSystem.withValue(RemovalAtReading(of: 2, in: spool)) {
      try spool.reader.jobs()
    }
    #expect(jobs.map(\.id) == [1])
  }
}

/// Removes a job when its file is about to be read.
private struct RemovalAtReading: FileSystem {
  let id: Int
  let layout: SpoolLayout

  init(of id: Int, in spool: TestSpool) { (self.id, layout) = (id, spool.layout) }

  func perform(_ call: FileCall, _ kernel: () -> Int) -> Int {
    if call.operation == "open", call.path == layout.jobDirectory(id).job {
      Syscalls.$fileSystem.withValue(nil) {
        let removal = JobRemoval(layout)
        try? removal.begin(id, in: .done)
        try? removal.finish(id)
      }
    }
    return kernel()
  }

  func write(
    _ call: FileCall, _ bytes: UnsafeRawBufferPointer, _ kernel: (UnsafeRawBufferPointer) -> Int
  ) -> Int {
    unsafe kernel(bytes)
  }
}
