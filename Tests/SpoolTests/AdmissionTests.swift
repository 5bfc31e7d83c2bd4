import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

@Suite struct AdmissionTests {
  @Test func aJobFileBecomesAJob() throws {
    let spool = try TestSpool()
    try spool.drop("some.job_1-a.json", jobFile("first"))
    var admission = try spool.admission()
    let outcomes = admission.scan()
    #expect(outcomes.count == 1)
    let envelope = try #require(outcomes.first?.admitted)

    #expect(envelope.id == 1)
    #expect(envelope.submitter == geteuid())
    #expect(envelope.fileName == "some.job_1-a.json")
    #expect(envelope.sha256 == SHA256.of(Array(jobFile("first").utf8)).hex)
    let job = try #require(try spool.jobs()["first"])
    #expect(job.envelope == envelope)
    #expect(job.state == .queued)
    #expect(job.entry == QueueEntry(id: 1))
    try spool.expectAtRest()
    #expect(admission.scan().isEmpty, "a file is taken once")
  }

  @Test func numbersRiseInTheOrderOfArrival() throws {
    let spool = try TestSpool()
    for name in ["c", "a", "b"] {
      try spool.drop(name + ".json", jobFile(name))
      // Longer than a tick of the clock that files are stamped with.
      usleep(20_000)
    }
    var admission = try spool.admission()
    #expect(admission.scan().compactMap(\.admitted?.id) == [1, 2, 3])
    #expect(try spool.jobs().mapValues(\.id) == ["c": 1, "a": 2, "b": 3])
  }

  @Test func aFloodIsTakenInPortions() throws {
    let spool = try TestSpool()
    for name in 0..<7 { try spool.drop("\(name).json", jobFile("job-\(name)")) }
    // What is not at its end does not hold up the rest.
    try spool.drop(".hidden.json", "{")
    try spool.drop("0-half.json", "{")
    var admission = try spool.admission()
    var portions: [Int] = []
    repeat { portions.append(admission.scan(atMost: 3).count) } while admission.isBehind
    #expect(portions == [3, 3, 2])
    #expect(try spool.jobs().count == 7)
  }

  /// The kernel says only once that a file has come, and may say so in the middle of a flood.
  @Test func whatComesDuringAFloodIsTakenBehindIt() throws {
    let spool = try TestSpool()
    for name in 0..<7 { try spool.drop("\(name).json", jobFile("job-\(name)")) }
    var admission = try spool.admission()
    _ = admission.scan(atMost: 3)
    try spool.drop("late.json", jobFile("late"))
    admission.noteArrival()
    while admission.isBehind { _ = admission.scan(atMost: 3) }
    #expect(try spool.jobs().count == 8)
    // Without a hint that is all: files that wait for their ends are not looked at again and again.
    #expect(admission.scan(atMost: 3).isEmpty && !admission.isBehind)
  }

  /// However much of one user's was there before, and whether it is any good. Only root can give files
  /// away, which this needs.
  @Test(.enabled(if: geteuid() == 0)) func nobodysFloodHoldsUpAnother() throws {
    let spool = try TestSpool()
    for name in 0..<9 { try spool.drop("\(name).json", name < 4 ? "[]" : jobFile("job-\(name)")) }
    // On a clock that stands still looking into drop/ takes no time.
    let start = ContinuousClock.now
    var admission = try Admission(spool.layout, policy: .init(), clock: .init(steady: { start }))
    _ = admission.scan(atMost: 3)
    for name in ["x", "y"] {
      try spool.drop(name + ".json", jobFile(name))
      try #require(unsafe chown(spool.layout.drop + "/\(name).json", 1001, 1001) == 0)
    }
    admission.noteArrival()
    var submitters: [UInt32] = []
    while admission.isBehind {
      submitters += admission.scan(atMost: 3).compactMap(\.admitted?.submitter)
    }
    #expect(submitters == [1001, 0, 1001, 0, 0, 0, 0])
    #expect(
      try spool.jobs().filter { $0.value.envelope?.submitter == 0 }.sorted { $0.key < $1.key }
        .map(\.value.id) == [2, 4, 5, 6, 7])
  }

  /// Whatever is in it: a name says only that nobody knows what it is for.
  @Test(arguments: [
    "job", "job.txt", "job.json~", "-job.json", "_.json", "a b.json", "ä.json", "1:job.json",
    "a\u{1b}[1mb\n.json", String(repeating: "a", count: 129) + ".json",
  ])
  func otherNamesAreRefusedAfterAWhile(name: String) throws {
    let spool = try TestSpool()
    try spool.drop(name, jobFile("job"))
    var admission = try spool.admission()
    let wait = try #require(admission.scan().first?.wait)
    #expect(wait > .zero && wait <= .seconds(10))
    spool.passTime(seconds: 10)
    let reason = try #require(admission.scan().first?.rejection)
    #expect(reason.contains(#"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\.json; rename it"#))
    #expect(try spool.names(spool.layout.rejected) == [name, name + ".reason"])
    #expect(try spool.jobs().isEmpty)
    try spool.expectAtRest()
  }

  /// A name may be so long that there is none for the reason, or be that of another's reason.
  @Test func everyOtherNameHasPlaceInRejected() throws {
    let spool = try TestSpool()
    try Directory.create(spool.layout.drop + "/" + String(repeating: "é", count: 126) + ".py")
    try spool.drop("bad.json", "{}")
    try Directory.create(spool.layout.drop + "/bad.json.reason/with/content")
    spool.passTime(seconds: 60)
    var admission = try spool.admission()
    #expect(admission.scan().compactMap(\.rejection).count == 3)
    let names = [
      "bad.json", "bad.json.reason", "bad.json.reason_", "bad.json.reason_.reason",
      String(repeating: "é", count: 100), String(repeating: "é", count: 100) + ".reason",
    ]
    #expect(try spool.names(spool.layout.rejected) == names.sorted())
    let reason = try readFile(spool.layout.rejected + "/bad.json.reason_.reason")
    #expect(String(decoding: reason, as: UTF8.self).contains("directory"))
    try spool.expectAtRest()
  }

  @Test(arguments: [".job.json", ".json", ".job.json.Xa3f"])
  func hiddenFilesAreLeftAlone(name: String) throws {
    let spool = try TestSpool()
    try spool.drop(name, jobFile("job"))
    spool.passTime(seconds: 3600)
    var admission = try spool.admission()
    #expect(admission.scan().isEmpty)
    #expect(try spool.names(spool.layout.drop) == [name])
  }

  @Test func theLongestNameIsTaken() throws {
    let spool = try TestSpool()
    try spool.drop(String(repeating: "a", count: 128) + ".json", jobFile("long"))
    try spool.drop(String(repeating: "b", count: 128) + ".json", "{}")
    var admission = try spool.admission()
    #expect(admission.scan().count == 2)
    #expect(try spool.jobs().keys.sorted() == ["long"])
    try spool.expectAtRest()
  }

  /// Files that are no jobs, with a word of the reason.
  static let refusals: [(content: [UInt8], reason: String)] = [
    ([], "incomplete"),
    (Array(#"{"\n\u001b[m": 1, "\n\u001b[m": 2}"#.utf8), #"the key "\n\u001b[m""#),
    (Array(#"{"schema": "\n\u001b[m\u009b"}"#.utf8), #"\u009b"#),
    (Array(jobFile("x").utf8.prefix(60)), "incomplete"),
    (Array("hello".utf8), "not JSON"),
    (Array((jobFile("x") + "{}").utf8), "not JSON"),
    (Array("[1, 2]".utf8), "object"),
    (Array("{}".utf8), "schema"),
    (Array(#"{"schema": "ddpm.job/1", "schema": "ddpm.job/1"}"#.utf8), "not JSON"),
    (Array(jobFile("x").replacing("count", with: "coumt").utf8), "did you mean \"count\""),
    (Array(jobFile("x").replacing("4", with: "-4").utf8), "count"),
    ((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }, "not JSON"),
    ([UInt8](repeating: 0, count: 4096), "not JSON"),
    ([UInt8](repeating: 0x20, count: 2 << 20), "1048576"),
    ([UInt8](repeating: UInt8(ascii: "["), count: 100_000), "not JSON"),
  ]

  @Test(arguments: refusals.indices) func anythingElseIsRefusedWithAReason(index: Int) throws {
    let (content, word) = Self.refusals[index]
    let spool = try TestSpool()
    try spool.drop("bad.json", content)
    try spool.drop("good.json", jobFile("good"))
    spool.passTime(seconds: 60)
    var admission = try spool.admission()
    let outcomes = admission.scan()

    let reason = try #require(outcomes.compactMap(\.rejection).first)
    #expect(reason.contains(word), "\(reason)")
    #expect(reason.printableLines == reason && !reason.contains("\n\u{1B}"))
    #expect(try spool.names(spool.layout.rejected) == ["bad.json", "bad.json.reason"])
    #expect(try readFile(spool.layout.rejected + "/bad.json") == content)
    #expect(
      try readFile(spool.layout.rejected + "/bad.json.reason") == Array((reason + "\n").utf8))
    #expect(try spool.jobs().keys.sorted() == ["good"], "and the daemon is unharmed")
    try spool.expectAtRest()
  }

  @Test func aLaterRefusalReplacesAnEarlierOneOfThatName() throws {
    let spool = try TestSpool()
    var admission = try spool.admission()
    try Directory.create(spool.layout.drop + "/bad.json/full")
    #expect(admission.scan().compactMap(\.rejection).count == 1)
    try spool.drop("bad.json", "{}")
    #expect(admission.scan().compactMap(\.rejection).count == 1)
    try Directory.create(spool.layout.drop + "/bad.json/other")
    #expect(admission.scan().compactMap(\.rejection).count == 1)
    #expect(try spool.names(spool.layout.rejected + "/bad.json") == ["other"])
    try spool.expectAtRest()
  }

  @Test func everyProperPrefixOfAJobWaitsForItsRest() throws {
    let spool = try TestSpool()
    var admission = try spool.admission()
    // Without the white space at the end, which is not missed.
    let whole = Array(jobFile("copied").utf8).dropLast()
    for length in whole.indices {
      try spool.drop("copied.json", Array(whole.prefix(length)))
      let wait = try #require(admission.scan().first?.wait, "prefix of \(length) bytes")
      #expect(wait > .zero && wait <= .seconds(10))
    }
    try spool.drop("copied.json", Array(whole))
    #expect(admission.scan().first?.admitted?.spec.name == "copied")
  }

  @Test func anUnfinishedFileWaitsTenSecondsAfterItsLastChange() throws {
    let spool = try TestSpool()
    var admission = try spool.admission()
    try spool.drop("half.json", "{")
    #expect(admission.scan().first?.wait != nil)
    spool.passTime(seconds: 5)
    let wait = try #require(admission.scan().first?.wait)
    #expect(wait <= .seconds(5))
    #expect(try spool.names(spool.layout.drop) == ["half.json"])
    spool.passTime(seconds: 5)
    #expect(admission.scan().first?.rejection != nil)
  }

  /// By the real clock: the claim itself is no touch.
  @Test func anUnfinishedFileWaitsOnce() throws {
    let spool = try TestSpool()
    var policy = Admission.Policy()
    policy.settleSeconds = 1
    var admission = try spool.admission(policy)
    try spool.drop("half.json", "{")
    usleep(1_100_000)
    #expect(admission.scan().first?.rejection != nil)
    try spool.expectAtRest()
  }

  /// Before the daemon was there: a file of the future is not waited for.
  @Test func aClockPutBackHoldsNothingUp() throws {
    let spool = try TestSpool()
    try spool.drop("half.json", "{")
    spool.setClock(seconds: -3600)
    var admission = try spool.admission()
    #expect(admission.scan().first?.rejection != nil)
  }

  /// An unfinished file is given its ten seconds whatever the clock is set to, and no more.
  @Test(arguments: [-86400, -8, 8, 86400, 1_000_000_000])
  func aClockThatIsSetTakesNoFileFromItsWriter(seconds: Int) throws {
    let spool = try TestSpool()
    var admission = try spool.admission()
    try spool.drop("half.json", "{")
    #expect(admission.scan().first?.wait != nil)
    spool.passTime(seconds: 4)
    spool.setClock(seconds: seconds)
    #expect(admission.scan().first?.wait != nil)
    spool.passTime(seconds: 4)
    #expect(admission.scan().first?.wait != nil)
    spool.passTime(seconds: 11)
    #expect(admission.scan().first?.rejection != nil)
  }

  /// What its owner says of a file's age counts for nothing.
  @Test(arguments: [-2_000_000_000, 2_000_000_000])
  func aFileOfAnotherTimeIsLikeAnyOther(seconds: Int) throws {
    let spool = try TestSpool()
    var admission = try spool.admission()
    for (name, content) in [("job.json", jobFile("job")), ("half.json", "{")] {
      try spool.drop(name, content)
      let time = timeval(tv_sec: time(nil) + seconds, tv_usec: 0)
      #expect(unsafe utimes(spool.layout.drop + "/" + name, [time, time]) == 0)
    }
    let outcomes = admission.scan()
    #expect(outcomes.compactMap(\.admitted).count == 1)
    #expect(outcomes.compactMap(\.wait).count == 1)
    spool.passTime(seconds: 11)
    #expect(admission.scan().compactMap(\.rejection).count == 1)
    try spool.expectAtRest()
  }

  @Test func spaceBelowTheFloorHoldsJobsBackButNotTheRest() throws {
    let spool = try TestSpool()
    try spool.drop("bad.json", "{}")
    try spool.drop("job.json", jobFile("job"))
    var policy = Admission.Policy()
    policy.freeSpaceFloor = .max
    var admission = try spool.admission(policy)
    let outcomes = admission.scan()
    let problem = try #require(outcomes.compactMap(\.blocked).first)
    #expect(problem.contains(spool.layout.state) && problem.contains("9223372036854.7 MB are"))
    #expect(outcomes.compactMap(\.rejection).count == 1)
    #expect(try spool.names(spool.layout.drop) == ["job.json"])
    #expect(try spool.names(spool.layout.rejected) == ["bad.json", "bad.json.reason"])
    try spool.startDaemon()
    #expect(try spool.jobs()["job"]?.id == 1)
  }
}
