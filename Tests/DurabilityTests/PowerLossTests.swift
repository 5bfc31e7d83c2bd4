import DurableIO
import Glibc
import Jobs
import StrictJSON
import Testing

@testable import JobRunner
@testable import Spool

/// Cuts the power at every moment in the life of a spool, and looks whether what was promised holds.
@Suite struct PowerLossTests {
  private func life(_ faults: FaultPlan? = nil, _ body: (Life) throws -> Void) throws -> Life {
    let life = try Life(faults)
    try body(life)
    return life
  }

  private func expectNone(_ violations: [String], _ failed: FileCall? = nil) {
    #expect(
      violations.isEmpty,
      "\(failed.map { "\($0) failed; " } ?? "")\(violations.joined(separator: "; "))")
  }

  private func queue() throws -> Life { try life { try $0.runQueue() } }
  private func training() throws -> Life { try life { try $0.runTraining() } }

  @Test func noPromiseOfTheQueueIsBroken() throws {
    let cuts = PowerCuts(Recording(try queue()))
    expectNone(try cuts.violations())
    #expect(cuts.count > 500)
  }

  @Test func noPromiseOfATrainingIsBroken() throws {
    let cuts = PowerCuts(Recording(try training()))
    expectNone(try cuts.violations())
    #expect(cuts.count > 1000)
  }

  @Test func noPromiseOfAFloodIsBroken() throws {
    expectNone(try PowerCuts(Recording(try life { try $0.runFlood() })).violations())
  }

  /// What a recovery has done is not undone by another power cut.
  @Test func aPowerCutDuringRecoveryBreaksNoPromise() throws {
    for recovery in try recoveries() {
      expectNone(try PowerCuts(recovery).violations())
    }
  }

  /// Nor by one after a failure, whether the daemon goes on or another one does: what is in memory
  /// may look like what is on the disk.
  @Test func aPowerCutAfterAFailedSyncBreaksNoPromise() throws {
    for recording in try failures() {
      expectNone(try PowerCuts(recording.recording).violations(atTheEnd: true), recording.call)
    }
  }

  /// Without any one of the syncs in the code, some power cut breaks a promise.
  ///
  /// A sync in the code is a line, and where that is one of `AtomicFile` a line and a file: which of
  /// those are synced is decided one by one.
  @Test func everySyncIsNeeded() throws {
    var unneeded: Set<String> = []
    var needed: Set<String> = []
    func look(at recording: Recording) throws {
      for sync in recording.syncs.sorted() {
        let line = String(sync.prefix { $0 != " " })
        let code = line.contains("/AtomicFile.swift:") ? sync : line
        if needed.contains(code) { continue }
        if try PowerCuts(recording).violations(without: sync).isEmpty {
          unneeded.insert(code)
        } else {
          needed.formUnion([code, line])
        }
      }
    }
    for recording in try parts() { try look(at: recording) }
    try look(at: Recording(try life { try $0.runFlood() }))
    try look(at: Recording(try queue()))
    try look(at: Recording(try training()))
    for recording in try recoveries() { try look(at: recording) }
    for failure in try failures() { try look(at: failure.recording) }
    for sync in unneeded.subtracting(needed).sorted() {
      Issue.record("nothing needs the sync of \(sync)")
    }
    for line in try linesThatSync().subtracting(needed).sorted() {
      Issue.record("no recording has the sync of \(line)")
    }
  }

  /// The lines of the sources that sync something, but for those that pass the wish of another one on,
  /// and for one that is reached without rights alone.
  private func linesThatSync() throws -> Set<String> {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    var lines: Set<String> = []
    for module in ["DurableIO", "Spool", "Supervision", "ModelFiles"] {
      let folder = "/\(root)/Sources/\(module)"
      for name in try Directory.names(in: folder) where name.hasSuffix(".swift") {
        let text = String(decoding: try readFile("\(folder)/\(name)"), as: UTF8.self)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
          .enumerated()
        where line.contains(/Directory\.sync\(|\.sync\(\)|\.finish\(\)| sync\(parent\)/)
          && !line.contains("//") && !line.contains("FileSystemSync(of: file)")
        { lines.insert("\(module)/\(name):\(index + 1)") }
      }
    }
    return lines
  }

  private func recoveries() throws -> [Recording] {
    let life = try queue()
    var recordings: [Recording] = []
    try PowerCuts(Recording(life)).forHalfDoneMoves { folder, count in
      recordings.append(try Recording(recovering: folder, life.promises(after: count)))
    }
    return recordings
  }

  private func failures() throws -> [(call: FileCall, recording: Recording)] {
    let calls = FaultPlan()
    _ = try life(calls) { try $0.runBriefly() }
    var recordings: [(call: FileCall, recording: Recording)] = []
    for (index, call) in calls.calls.enumerated() where call.site != nil {
      for restarting in [false, true] {
        let life = try life(FaultPlan(at: index, .failure(EIO))) { life in
          try? life.runBriefly()
          try life.goOn(restarting: restarting)
        }
        recordings.append((call, Recording(life)))
      }
    }
    return recordings
  }

  /// What the parts promise by themselves.
  private func parts() throws -> [Recording] {
    [
      try Recording({ try Directory.create($0 + "/a/b") }) { folder in
        (try? Directory.exists(folder + "/a/b")) == true ? [] : ["a directory is lost"]
      },
      try Recording({ folder in
        let log = try AppendLog(folder + "/log")
        try log.append("line")
        try log.sync()
      }) { folder in
        (try? AppendLog.lines(of: folder + "/log")) == ["line"] ? [] : ["a line is lost"]
      },
      // Results whose worker was killed before it could sync the name of their manifest: the next
      // one, which finds them whole, goes on to clear away what they were made from.
      try Recording({ folder in
        let directory = JobDirectory(path: folder)
        let job = JobSpec(
          name: "job", seed: 1, work: .sample(SampleSpec(model: .path("/m"), count: 1)))
        let manifest: JSONValue = ["job": job.json]
        try Directory.create(directory.resultsInProgress)
        let name = directory.resultsInProgress + "/manifest.json"
        let file = try OpenFile(name + ".tmp", flags: O_WRONLY | O_CREAT)
        try file.write(Array(manifest.serialized().utf8))
        try file.sync()
        try Directory.rename(file.path, to: name)
        guard try ResultsFolder.isSealed(directory, for: job) else { throw Broken(what: "seal") }
      }) { folder in
        let name = JobDirectory(path: folder).resultsInProgress + "/manifest.json"
        return (try? Directory.exists(name)) == true ? [] : ["a manifest is lost"]
      },
    ]
  }
}
