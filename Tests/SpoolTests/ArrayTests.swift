import DurableIO
import Glibc
import Jobs
import StrictJSON
import Testing

@testable import Spool

/// Arrays: files that are several jobs.
@Suite struct ArrayTests {
  /// Five jobs named a to e, written two at a time.
  private func arrayFile(_ more: String = "", names: String = #"["a", "b", "c", "d", "e"]"#)
    -> String
  {
    jobFile("x").replacing("\"count\"", with: "\"array\": {\"name\": \(names)}, \(more) \"count\"")
  }

  private var twoAtATime: Admission.Policy {
    var policy = Admission.Policy()
    policy.membersAtOnce = 2
    return policy
  }

  /// Scans until nothing is being built any more.
  @discardableResult
  private func scan(_ admission: inout Admission) -> [Admission.Outcome] {
    var outcomes: [Admission.Outcome] = []
    for _ in 0..<10 {
      let new = admission.scan()
      outcomes += new
      if !new.contains(where: { $0.wait == .zero }) { break }
    }
    return outcomes
  }

  /// What a daemon does when it starts, however small its pieces.
  private func startDaemon(_ spool: TestSpool) throws {
    var admission = try spool.admission(twoAtATime)
    _ = try Recovery.run(spool.layout, &admission)
    scan(&admission)
  }

  @Test func itsJobsAreNumberedInARow() throws {
    let spool = try TestSpool()
    var admission = try spool.admission(twoAtATime)
    try spool.drop("a.json", jobFile("first"))
    _ = admission.scan()
    let queue = #""queue": {"hold": true, "priority": 3, "after": [{"job": "first"}]},"#
    let token = try Submission.submit(Array(arrayFile(queue).utf8), to: spool.layout)
    let envelopes = scan(&admission).compactMap(\.admitted)
    #expect(envelopes.map(\.id) == [2, 3, 4, 5, 6])
    #expect(envelopes.map(\.spec.name) == ["a", "b", "c", "d", "e"])
    for (index, envelope) in envelopes.enumerated() {
      #expect(envelope.array?.first == 2 && envelope.array?.count == 5)
      #expect(envelope.array?.place == index + 1)
      #expect(envelope.array?.values == ["name": .string(envelope.spec.name)])
      let job = try #require(try spool.reader.job(envelope.id))
      #expect(job.envelope == envelope)
      #expect(job.state == .held && job.entry.priority == 3)
      #expect(job.entry.after == [.init(job: 1, when: .ok)])
    }
    #expect(try Submission.outcome(of: token, in: spool.layout) == .acceptedArray(2...6))
    _ = try spool.jobs()
    try spool.expectAtRest()
    try spool.drop("z.json", jobFile("last"))
    #expect(admission.scan().compactMap(\.admitted?.id) == [7])
  }

  /// A job more or less would be another experiment.
  @Test func nobodySeesPartOfAnArray() throws {
    let spool = try TestSpool()
    var admission = try spool.admission(twoAtATime)
    try spool.drop("a.json", arrayFile())
    try spool.drop("z.json", jobFile("other"))
    #expect(admission.scan().compactMap(\.admitted?.id) == [6], "others need not wait for it")
    #expect(admission.scan().compactMap(\.admitted).isEmpty)
    #expect(try spool.reader.jobs().map(\.id) == [6])
    #expect(admission.scan().compactMap(\.admitted?.id) == [1, 2, 3, 4, 5])
  }

  /// The arrays of one user are built one after the other, and not all of them in each scan.
  @Test func manyArraysTakeNoMoreOfAScanThanOne() throws {
    let spool = try TestSpool()
    var admission = try spool.admission(twoAtATime)
    for name in ["a", "b", "c"] {
      try spool.drop(name + ".json", arrayFile(names: #"["\#(name)1", "\#(name)2"]"#))
    }
    #expect(admission.scan().compactMap(\.admitted?.id) == [1, 2])
    #expect(admission.scan().compactMap(\.admitted?.id) == [3, 4])
    #expect(admission.scan().compactMap(\.admitted?.id) == [5, 6])
    #expect(try spool.jobs().mapValues(\.id)["c2"] == 6)
    try spool.expectAtRest()
  }

  @Test func anArrayOfOneIsAnArray() throws {
    let spool = try TestSpool()
    let token = try Submission.submit(Array(arrayFile(names: #"["a"]"#).utf8), to: spool.layout)
    try startDaemon(spool)
    #expect(try Submission.outcome(of: token, in: spool.layout) == .acceptedArray(1...1))
    #expect(try spool.reader.job(1)?.envelope?.array?.count == 1)
    try spool.expectAtRest()
  }

  private static let three = #"["a", "b", "c"]"#

  private func expectWhole(_ spool: TestSpool, _ token: Submission.Token) throws {
    let jobs = try spool.jobs()
    #expect(jobs.keys.sorted() == ["a", "b", "c"])
    let ids = jobs.sorted { $0.key < $1.key }.map(\.value.id)
    let first = try #require(ids.first)
    #expect(ids == Array(first..<first + 3))
    #expect(
      try Submission.outcome(of: token, in: spool.layout) == .acceptedArray(first...first + 2))
    #expect(try spool.names(spool.layout.jobs).count == 3, "nothing half-made is left")
    #expect(try spool.names(spool.layout.rejected).isEmpty)
    for id in ids {
      #expect(try spool.queue.stagedEntry(id) == nil)
    }
    try spool.expectAtRest()
  }

  /// Each of its jobs exists once, wherever the daemon dies or the machine fails; also when the
  /// next daemon dies, too, and before that nobody has seen only some of them.
  @Test(arguments: [FaultPlan.Fault.crash, .failure(ENOSPC)])
  func killedAnywhereEachJobOfAnArrayIsAdmittedOnce(fault: FaultPlan.Fault) throws {
    var index = 0
    while true {
      let spool = try TestSpool(onDisk: false)
      let token = try Submission.submit(Array(arrayFile(names: Self.three).utf8), to: spool.layout)
      var admission = try spool.admission(twoAtATime)
      let plan = FaultPlan(at: index, fault)
      var outcomes = Syscalls.$fileSystem.withValue(plan) { scan(&admission) }
      if fault == .crash {
        Syscalls.$fileSystem.withValue(FaultPlan(at: 29 * index % 100, .crash)) {
          try? startDaemon(spool)
        }
      } else {
        outcomes += scan(&admission)
        #expect(Set(outcomes.compactMap(\.admitted?.id)).count == 3, "the daemon hears of all")
      }
      try startDaemon(spool)
      try expectWhole(spool, token)
      // No number comes again.
      try spool.drop("z.json", jobFile("last"))
      try startDaemon(spool)
      let last = try #require(try spool.jobs()["last"]).id
      #expect(try last > spool.jobs().values.map(\.id).filter { $0 != last }.max() ?? 0)
      if !plan.struck { break }
      index += 1
    }
    #expect(index > 100)
  }

  // MARK: Refusals

  @Test func whatIsWrongWithOneJobIsWrongWithTheArray() throws {
    let spool = try TestSpool()
    var admission = try spool.admission(twoAtATime)
    for (file, reason) in [
      (arrayFile(names: #"["a", "b", "c d"]"#), "$.name: found \"c d\""),
      (
        arrayFile(#""queue": {"after": [{"job": "nobody"}]},"#),
        "$.queue.after[0].job: there is no job nobody so far"
      ),
      (
        arrayFile().replacing(
          "\"name\": [\"a\", \"b\"", with: "\"queue.after\": [[], [{\"job\": 9}]], \"name\": [\"b\""
        ),
        "$.queue.after[0].job: there is no job 9 so far"
      ),
    ] {
      try spool.drop("a.json", file)
      let found = scan(&admission).compactMap(\.rejection)
      #expect(found.count == 1 && found[0].hasPrefix(reason), "\(found)")
      #expect(try spool.names(spool.layout.jobs).isEmpty)
      try spool.expectAtRest()
    }
  }

  /// Who holds the file open can write into it until it is admitted: that is noticed, and harms
  /// nobody else's numbers.
  @Test func anArrayThatChangesWhileItIsAdmittedIsRefused() throws {
    for other in [arrayFile(names: #"["a", "b", "c", "d", "e", "f", "g"]"#), jobFile("x"), "{}"] {
      let spool = try TestSpool()
      var admission = try spool.admission(twoAtATime)
      try spool.drop("a.json", arrayFile())
      try spool.drop("z.json", jobFile("z"))
      _ = admission.scan()
      try AtomicFile.write(other, to: spool.layout.claim + "/1-5:a.json", synced: false)
      spool.passTime(seconds: 60)
      #expect(scan(&admission).compactMap(\.rejection).count == 1)
      #expect(try spool.reader.jobs().map(\.id) == [6])
      #expect(try spool.names(spool.layout.jobs) == ["6"])
    }
    // Once all jobs are built the file says nothing any more, should a power cut bring it back.
    let spool = try TestSpool()
    try spool.drop("a.json", arrayFile())
    var admission = try spool.admission()
    _ = admission.scan()
    let claim = spool.layout.claim + "/1-5=a.json"
    try AtomicFile.write("nonsense", to: claim, synced: false)
    try startDaemon(spool)
    #expect(try spool.jobs().count == 5)
    try spool.expectAtRest()
  }

  // MARK: Idempotency keys

  @Test(arguments: [FaultPlan.Fault.crash, .failure(ENOSPC)])
  func killedAnywhereOneKeyIsOneArray(fault: FaultPlan.Fault) throws {
    let file = arrayFile(#""queue": {"idempotency_key": "k"},"#, names: Self.three)
    var index = 0
    while true {
      let spool = try TestSpool(onDisk: false)
      let tokens = try (0..<2).map { _ in
        try Submission.submit(Array(file.utf8), to: spool.layout)
      }
      var admission = try spool.admission(twoAtATime)
      let plan = FaultPlan(at: index, fault)
      _ = Syscalls.$fileSystem.withValue(plan) { scan(&admission) }
      try startDaemon(spool)
      for token in tokens { try expectWhole(spool, token) }
      if !plan.struck { break }
      index += 2
    }
    #expect(index > 100)
  }

  @Test func aKeyIsForOneArray() throws {
    let spool = try TestSpool()
    var admission = try spool.admission(twoAtATime)
    let key = #""queue": {"idempotency_key": "k"},"#
    try spool.drop("a.json", arrayFile(key))
    #expect(scan(&admission).compactMap(\.admitted).count == 5)
    for names in [#"["a", "b", "c", "d"]"#, #"["a"]"#] {
      try spool.drop("b.json", arrayFile(key, names: names))
      let reason = try #require(scan(&admission).compactMap(\.rejection).first)
      #expect(reason.hasPrefix("$.queue.idempotency_key: job 1 has the key \"k\""))
    }
    try spool.drop("b.json", jobFile("a").replacing("\"count\"", with: key + "\"count\""))
    #expect(scan(&admission).compactMap(\.rejection).count == 1, "a job is no array")
    #expect(try spool.jobs().count == 5)
    #expect(try spool.names(spool.layout.jobs).count == 5)
  }
}
