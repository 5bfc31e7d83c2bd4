import DurableIO
import Logging
import Spool
import Testing

@testable import Supervision

@Suite struct ConfigurationTests {
  @Test func everyKeyIsTaken() throws {
    let configuration = try Configuration(
      parsing: """
        # comment
        max_workers = 3   # another

        threads=2
          stop_grace = 2 min
        crash_limit = 7
        worker_timeout = never
        log_level = debug
        purge_age = 30 d
        purge_count = 0
        rejected_age = never
        rejected_count = 7
        receipt_age = 2 d
        memory_limit = 4 GiB
        admin_group = root
        data_roots = /srv/data: /my data
        metrics_file = /x/ddpmd.prom # a comment
        metrics_socket = /x/y z
        """, file: "f")
    var expected = Configuration()
    expected.maxWorkers = 3
    expected.threads = 2
    expected.stopGrace = .seconds(120)
    expected.crashLimit = 7
    expected.workerTimeout = nil
    expected.logLevel = .debug
    expected.answers.rejectedAge = nil
    expected.answers.rejectedCount = 7
    expected.answers.receiptAge = .seconds(2 * 86400)
    expected.retention.age = .seconds(30 * 86400)
    expected.retention.count = 0
    expected.memoryLimit = 4 << 30
    expected.adminGroup = "root"
    expected.dataRoots = ["/srv/data", "/my data"]
    expected.metricsFile = "/x/ddpmd.prom"
    expected.metricsSocket = "/x/y z"
    #expect(configuration == expected)
  }

  /// The file that is installed shows every key with its default, commented out.
  @Test func theInstalledFileSaysWhatTheDefaultsAre() throws {
    let file = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let text = String(decoding: try readFile("/\(file)/etc/ddpmd.conf"), as: UTF8.self)
    // ddpmd --default-config writes it.
    #expect(text == Configuration.commentedFile)
    #expect(try Configuration(parsing: text, file: "f") == Configuration())
    let settings = text.split(separator: "\n").filter { $0.hasPrefix("#") && $0.contains(" = ") }
      .map { $0.dropFirst() }
    #expect(settings.count == 18)
    let uncommented = settings.joined(separator: "\n")
    #expect(try Configuration(parsing: uncommented, file: "f") == Configuration())
  }

  @Test(arguments: [
    ("max_worker = 1", "unknown key \"max_worker\"; did you mean \"max_workers\"?"),
    ("speed = 9", "unknown key \"speed\"; the keys are admin_group, crash_limit"),
    ("max_workers = 0", "max_workers is \"0\"; allowed: an integer from 1 to 64"),
    ("max_workers = 1 2", "max_workers is \"1 2\""), ("max_workers = +1", "max_workers is \"+1\""),
    ("max_workers", "\"max_workers\" is not of the form key = value"),
    ("max_workers =", "max_workers is \"\""),
    ("threads = none", "threads is \"none\"; allowed: auto"),
    ("threads = 1\nthreads = 2", "\"threads\" was already set in line 2"),
    ("stop_grace = 5", "stop_grace is \"5\"; allowed: a time"),
    ("stop_grace = 25 h", "stop_grace is \"25 h\""), ("stop_grace = 0 s", "stop_grace is \"0 s\""),
    ("stop_grace = 2 d", "stop_grace is \"2 d\""),
    ("purge_age = 30", "purge_age is \"30\"; allowed: never, or a time"),
    ("purge_age = 36501 d", "purge_age is"), ("purge_age = 9223372036854775807 d", "purge_age is"),
    ("purge_count = -1", "purge_count is \"-1\"; allowed: never, or an integer"),
    ("memory_limit = 4 GB", "memory_limit is \"4 GB\"; allowed: none, or an amount of memory"),
    ("admin_group = no such", "admin_group is \"no such\"; allowed: none, or the name of a group"),
    ("data_roots = /srv:data", "data_roots is \"/srv:data\"; allowed: all, or absolute paths"),
    ("data_roots = /srv:", "data_roots is \"/srv:\""),
    ("data_roots = none", "data_roots is \"none\""),
    ("metrics_file = x", "metrics_file is \"x\"; allowed: none, or an absolute path"),
    (
      "metrics_socket = /" + String(repeating: "x", count: 107),
      "metrics_socket is \"/xx"
    ),
    ("log_level = loud", "log_level is \"loud\"; allowed: one of trace, debug"),
  ])
  func errorsNameFileAndLine(_ text: String, _ problem: String) throws {
    let error = try #require(throws: ConfigurationError.self) {
      try Configuration(parsing: "# first line\n" + text, file: "/etc/ddpmd.conf")
    }
    let line = 1 + text.split(separator: "\n").count
    #expect(error.description.hasPrefix("/etc/ddpmd.conf:\(line): " + problem))
  }

  @Test func allErrorsOfAFileAreNamed() throws {
    let text = "threads = none\nmax_workers = 2\n\nspeed = 9\nlog_level = loud\n"
    let error = try #require(throws: ConfigurationError.self) {
      try Configuration(parsing: text, file: "f")
    }
    let places = error.description.split(separator: "\n").map { $0.split(separator: " ")[0] }
    #expect(places == ["f:1:", "f:4:", "f:5:"])
  }

  @Test func aMissingFileIsAnErrorOnlyIfItWasAskedFor() throws {
    #expect(
      try read("/nowhere/ddpmd.conf", isRequired: false).configuration == Configuration())
    #expect(throws: ConfigurationError.self) { try read("/nowhere/ddpmd.conf", isRequired: true) }
    #expect(throws: ConfigurationError.self) { try read("/", isRequired: false) }
  }

  /// What is said of a change is what the file would have to say.
  @Test func changesAreNamedAsTheyAreWritten() throws {
    let text = """
      max_workers = 3
      threads = 2
      stop_grace = 90 s
      crash_limit = 7
      worker_timeout = 2 h
      log_level = debug
      purge_age = 36 h
      purge_count = 0
      rejected_age = 12 h
      rejected_count = never
      receipt_age = 90 s
      memory_limit = 512 MiB
      admin_group = root
      data_roots = /srv:/usr/share
      metrics_file = /a
      metrics_socket = /b
      """
    let new = try Configuration(parsing: text, file: "f")
    let old = Configuration()
    for (new, old) in [(new, old), (old, new)] {
      let changes = new.changes(from: old)
      #expect(changes.count == 16)
      func side(_ part: (String) -> Substring?) throws -> Configuration {
        try Configuration(
          parsing: changes.compactMap { change in
            part(change).map { "\(change.prefix { $0 != " " }) = \($0)" }
          }.joined(separator: "\n"), file: "f")
      }
      #expect(try side { $0.firstMatch(of: /\ is (.*),/)?.output.1 } == new)
      #expect(try side { $0.firstMatch(of: /\ was (.*)/)?.output.1 } == old)
    }
    #expect(new.changes(from: new) == [])
  }

  private func read(_ file: String, isRequired: Bool) throws -> EffectiveConfiguration {
    try ConfigurationSource(file: file, isRequired: isRequired).read()
  }
}

/// A whole configuration read from one text.
extension Configuration {
  init(parsing text: String, file: String) throws {
    var effective = EffectiveConfiguration()
    let problems = effective.take(text, file: file)
    guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
    self = effective.configuration
  }
}
