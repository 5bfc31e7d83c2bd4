import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

/// What users may have who are no administrators. Only root can give files away, which this needs.
@Suite(.enabled("files of other users are made by root alone", { geteuid() == 0 }))
struct UserLimitTests {
  private static let (anna, bert): (UInt32, UInt32) = (1001, 1002)

  private func policy(jobs: Int? = nil, priority: Int? = nil) -> Admission.Policy {
    var policy = Admission.Policy()
    policy.membersAtOnce = 2
    // The accounts are those of every Debian system.
    policy.authority = CommandAuthority(administrators: "daemon")
    (policy.limits.jobs, policy.limits.priority) = (jobs, priority)
    return policy
  }

  private func drop(
    _ name: String, _ text: String, of user: UInt32, into spool: TestSpool
  ) throws {
    try spool.drop("." + name, text)
    let path = spool.layout.drop + "/"
    try #require(unsafe chown(path + "." + name, user, user) == 0)
    try Directory.rename(path + "." + name, to: path + name)
  }

  /// As the daemon counts them.
  private func activeJobs(_ spool: TestSpool) throws -> [UInt32: Int] {
    let active = try spool.jobs().values.filter { !$0.state.isFinal }
    return Dictionary(grouping: active) { $0.envelope?.submitter ?? 0 }.mapValues(\.count)
  }

  private func scan(_ admission: inout Admission, _ spool: TestSpool) throws -> [Admission.Outcome]
  {
    admission.activeJobs = try activeJobs(spool)
    return admission.scan()
  }

  @Test func nobodyHasMoreJobsThanAllowed() throws {
    let spool = try TestSpool(onDisk: false)
    var admission = try spool.admission(policy(jobs: 2))
    for name in ["a", "b", "c"] {
      for (user, initial) in [(Self.anna, "a"), (Self.bert, "b"), (1, "admin"), (0, "root")] {
        try drop("\(name)-\(initial).json", jobFile("\(name)-\(initial)"), of: user, into: spool)
      }
    }
    let outcomes = try scan(&admission, spool)
    #expect(outcomes.compactMap(\.admitted?.id) == Array(1...10), "and no number is lost")
    let reasons = outcomes.compactMap(\.rejection)
    #expect(
      reasons.sorted()
        == [Self.anna, Self.bert].map {
          "\(userName($0)) may have 2 jobs that are not over (max_jobs_per_user), and has 2 without "
            + "the 1 of this file; wait until enough of them have ended, or cancel some, and submit it "
            + "again"
        }.sorted())
    #expect(try activeJobs(spool) == [Self.anna: 2, Self.bert: 2, 1: 3, 0: 3])

    let ended = try #require(try spool.jobs()["a-a"]?.id)
    try spool.queue.move(ended, from: .queued, to: .done)
    for name in ["d", "e"] { try drop(name + ".json", jobFile(name), of: Self.anna, into: spool) }
    let later = try scan(&admission, spool)
    #expect(later.compactMap(\.admitted?.spec.name) == ["d"])
    #expect(later.compactMap(\.rejection).count == 1)
    // Whoever is above a new limit keeps what is there.
    admission.policy.limits.jobs = 1
    #expect(try scan(&admission, spool).isEmpty)
    admission.policy.limits.jobs = nil
    try drop("f.json", jobFile("f"), of: Self.anna, into: spool)
    #expect(try scan(&admission, spool).compactMap(\.admitted).count == 1)
  }

  private func arrayFile(_ name: String, _ more: String = "") -> String {
    let names = (1...3).map { "\"\(name)\($0)\"" }.joined(separator: ", ")
    return jobFile("x").replacing(
      "\"count\"", with: "\"array\": {\"name\": [\(names)]}, \(more) \"count\"")
  }

  /// Also while it is being built, which takes two scans.
  @Test func anArrayCountsWithAllItsJobs() throws {
    let spool = try TestSpool(onDisk: false)
    var admission = try spool.admission(policy(jobs: 4))
    try drop("a.json", arrayFile("a"), of: Self.anna, into: spool)
    #expect(try scan(&admission, spool).compactMap(\.wait).count == 1)
    try drop("b.json", arrayFile("b"), of: Self.anna, into: spool)
    try drop("c.json", jobFile("c"), of: Self.anna, into: spool)
    try drop("d.json", jobFile("d"), of: Self.anna, into: spool)
    let outcomes = try scan(&admission, spool)
    #expect(outcomes.compactMap(\.admitted?.spec.name) == ["a1", "a2", "a3", "c"])
    let reasons = outcomes.compactMap(\.rejection)
    #expect(reasons.count == 2 && reasons.contains { $0.contains("without the 3 of") })
    #expect(try spool.jobs().values.map(\.id).sorted() == [1, 2, 3, 4])
    try spool.expectAtRest()
    admission.policy.limits.jobs = 2
    try drop("e.json", arrayFile("e"), of: Self.bert, into: spool)
    #expect(
      try scan(&admission, spool).compactMap(\.rejection).first?.hasSuffix(
        "without the 3 of this file; submit it in smaller parts") == true)
  }

  /// What came before is no new job.
  @Test func whoseKeyIsTakenGetsTheFirstJob() throws {
    let spool = try TestSpool(onDisk: false)
    var admission = try spool.admission(policy(jobs: 4))
    let key = #""queue": {"idempotency_key": "KEY"},"#
    let files = [
      jobFile("job").replacing("\"count\"", with: key.replacing("KEY", with: "a") + "\"count\""),
      arrayFile("b", key.replacing("KEY", with: "b")),
    ]
    for round in 0..<2 {
      for (index, file) in files.enumerated() {
        try drop("\(index).json", file, of: Self.anna, into: spool)
        var outcomes = try scan(&admission, spool)
        outcomes += try scan(&admission, spool)
        #expect(outcomes.compactMap(\.rejection).isEmpty)
        #expect(
          outcomes.contains { if case .repeated = $0 { true } else { false } } == (round == 1))
      }
    }
    #expect(try spool.jobs().count == 4)
  }

  /// Wherever the daemon dies: the next one does not know how many there are until it has counted.
  @Test func killedAnywhereNobodyHasMoreJobsThanAllowed() throws {
    var index = 0
    while true {
      let spool = try TestSpool(onDisk: false)
      var admission = try spool.admission(policy(jobs: 4))
      for name in ["a", "b", "d", "e"] {
        let file = name == "b" ? arrayFile(name) : jobFile(name)
        try drop(name + ".json", file, of: Self.anna, into: spool)
      }
      let plan = FaultPlan(at: index, .crash)
      admission.activeJobs = [:]
      Syscalls.$fileSystem.withValue(plan) { _ = admission.scan() }
      var next = try spool.admission(policy(jobs: 4))
      _ = try Recovery.run(spool.layout, &next)
      for _ in 0..<3 { _ = try scan(&next, spool) }
      #expect(try spool.jobs().keys.sorted() == ["a", "b1", "b2", "b3"])
      #expect(
        try spool.names(spool.layout.rejected).filter { !$0.hasSuffix(".reason") }
          == ["d.json", "e.json"])
      try spool.expectAtRest()
      if !plan.struck { break }
      index += 1
    }
    #expect(index > 50)
  }

  /// One that was exchanged before it was claimed, so that nobody has counted it.
  @Test func whatWasClaimedWithoutANumberCounts() throws {
    let spool = try TestSpool(onDisk: false)
    var admission = try spool.admission(policy(jobs: 1))
    try drop("job.json", jobFile("job"), of: Self.anna, into: spool)
    try Directory.rename(spool.layout.drop + "/job.json", to: spool.layout.claim + "/job.json")
    #expect(admission.scan().compactMap(\.wait) == [.zero])
    admission.activeJobs = [Self.anna: 1]
    #expect(admission.scan().compactMap(\.rejection).count == 1)
    try spool.expectAtRest()
  }

  @Test func nobodyGivesAHigherPriorityThanAllowed() throws {
    let spool = try TestSpool(onDisk: false)
    var admission = try spool.admission(policy(priority: 5))
    func file(_ name: String, priority: String) -> String {
      jobFile(name).replacing(
        "\"count\"", with: "\"queue\": {\"priority\": \(priority)}, \"count\"")
    }
    func outcome(_ text: String, of user: UInt32 = Self.anna) throws -> Admission.Outcome? {
      try drop("file.json", text, of: user, into: spool)
      return try scan(&admission, spool).first
    }
    func prioritize(_ priority: Int, of user: UInt32 = Self.anna) throws -> Admission.Outcome? {
      try outcome(commandFile("priority", 1, ", \"priority\": \(priority)"), of: user)
    }
    func edit(_ priority: Int) throws -> Admission.Outcome? {
      try outcome(commandFile("edit", 1, ", \"file\": \(file("a", priority: "\(priority)"))"))
    }
    let words = "the priority 6 is above 5, the highest that users may give (max_priority)"
    #expect(try outcome(file("a", priority: "5"))?.admitted?.id == 1)
    #expect(
      try outcome(file("b", priority: "6"))?.rejection?
        .hasPrefix("$.queue.priority: \(words); ") == true)
    let array = file("x", priority: "0").replacing(
      "\"count\"", with: #""array": {"queue.priority": [1, 6]}, "count""#)
    #expect(try outcome(array)?.rejection?.contains(words) == true)
    #expect(try spool.jobs().count == 1)
    #expect(try prioritize(6)?.rejection?.hasPrefix("job 1: \(words); ") == true)
    #expect(try edit(6)?.rejection?.hasPrefix("$.file.queue.priority: \(words); ") == true)
    #expect(try spool.queue.find(1)?.entry.priority == 5)
    // What an administrator has given it may keep.
    #expect(try prioritize(9, of: 1)?.command != nil)
    #expect(try prioritize(10)?.rejection != nil)
    #expect(try edit(9)?.rejection == nil)
    #expect(try prioritize(-3)?.command != nil)
    #expect(try prioritize(9)?.rejection != nil)
    #expect(try outcome(file("c", priority: "1000"), of: 0)?.admitted != nil)
    try spool.expectAtRest()
  }
}
