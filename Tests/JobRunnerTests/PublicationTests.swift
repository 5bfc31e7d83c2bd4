import DurableIO
import Jobs
import StrictJSON
import Testing

/// How results come to their place.
@Suite struct PublicationTests {
  enum Kind: CaseIterable { case train, sample, evaluate }

  /// Published results are whole and alone: whatever the job stored for itself is gone before,
  /// but for the checkpoint that a training can be extended from.
  @Test(arguments: Kind.allCases)
  func resultsAreWholeAndAloneWhereverTheWorkerDies(_ kind: Kind) throws {
    let jobs = try Jobs()
    try jobs.add(1, jobs.train { ($0.training.steps, $0.training.checkpointEvery) = (4, 1) })
    try jobs.run(1)
    let work: JobSpec.Work =
      switch kind {
      case .train: jobs.train { ($0.training.steps, $0.training.checkpointEvery) = (2, 1) }
      case .sample: jobs.sample(.job(1)) { ($0.count, $0.output.formats) = (1, [.npy, .npyFloat]) }
      case .evaluate: jobs.evaluate(.job(1)) { ($0.budget.images, $0.timesteps) = (1, 2) }
      }
    try jobs.add(2, work)
    let whole = FaultPlan()
    try Syscalls.$fileSystem.withValue(whole) { try jobs.run(2) }
    let files = try manifest(jobs, 2)["files"]
    let calls = whole.calls.count

    for (id, death) in zip(3..., calls - 24..<calls) {
      try jobs.add(id, work)
      let plan = FaultPlan(at: death, .crash)
      try Syscalls.$fileSystem.withValue(plan) { _ = try jobs.run(id) }
      try #require(plan.struck)
      let directory = jobs.directory(id)
      if try Directory.exists(directory.results) { try expectAlone(directory, kind, "\(death)") }
      #expect(try jobs.run(id).code == WorkerExit.finished)
      try expectAlone(directory, kind, "\(death), and run again")
      let others = try manifest(jobs, id)["files"]
      // What a training says of its speed differs.
      if kind != .train { #expect(others == files, "\(whole.calls[death])") }
    }
  }

  /// What is sealed is published as it is, unless the job was extended since.
  @Test func sealedResultsAreNotMadeAgain() throws {
    let jobs = try Jobs()
    for steps in [nil, 5] {
      let id = steps ?? 1
      try jobs.add(id, jobs.train { $0.training.steps = 3 })
      try jobs.run(id)
      let directory = jobs.directory(id)
      let before = try FileStatus(ofLink: directory.results)
      try Directory.rename(directory.results, to: directory.resultsInProgress)
      if let steps {
        try AtomicFile.write(Amendment(steps: steps).json.serialized(), to: directory.amendment)
      }
      let run = try jobs.run(id)
      #expect(run.code == WorkerExit.finished)
      #expect(run.log.isEmpty == (steps == nil), "\(run.log)")
      #expect(try FileStatus(ofLink: directory.results).inode == before.inode)
      let made = try manifest(jobs, id)["job"]?["training"]?["steps"]
      #expect(made?.int == steps ?? 3)
    }
  }

  private func manifest(_ jobs: Jobs, _ id: Int) throws -> JSONValue {
    try jobs.json(jobs.directory(id).results + "/manifest.json")
  }

  private func expectAlone(_ directory: JobDirectory, _ kind: Kind, _ when: String) throws {
    #expect(try !Directory.exists(directory.resultsInProgress), "\(when)")
    #expect(try !Directory.exists(directory.path + "/samples"), "\(when)")
    let checkpoints =
      try Directory.exists(directory.checkpoints)
      ? Directory.names(in: directory.checkpoints).filter { $0.hasSuffix(".json") } : []
    #expect(checkpoints.count == (kind == .train ? 1 : 0), "\(when): \(checkpoints)")
  }
}
