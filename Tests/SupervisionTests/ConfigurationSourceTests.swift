import DurableIO
import Spool
import Testing

@testable import Supervision

/// Files, drop-ins, environment and command line, each before the one before.
@Suite struct ConfigurationSourceTests {
  private let folder: TestSpool
  private var file: String { folder.root + "/ddpmd.conf" }

  init() throws {
    folder = try TestSpool(worker: "")
    try Directory.create(folder.root + "/ddpmd.conf.d")
  }

  /// All keys are set in the file; each layer then sets one key less than the one before.
  @Test func everyLayerGoesBeforeTheOneBefore() throws {
    try write("", "max_workers = 1\nthreads = 1\ncrash_limit = 1\npurge_count = 1\n")
    try write("9.conf", "max_workers = 3\nthreads = 3\ncrash_limit = 3\n")
    try write(
      "10.conf", "# first\nmax_workers = 2\nthreads = 2\ncrash_limit = 2\npurge_count = 2\n")
    for ignored in ["readme", "20.conf~", ".30.conf", "40.conf.dpkg-new"] {
      try write(ignored, "no configuration")
    }
    let effective = try source(
      ["DDPMD_MAX_WORKERS": "4", "DDPMD_THREADS": "4", "DDPM_ROOT": "/x", "PATH": ""],
      ["max_workers=5", "max_workers = 6"]
    ).read()
    var expected = Configuration()
    (expected.maxWorkers, expected.threads) = (6, 4)
    (expected.crashLimit, expected.retention.count) = (3, 2)
    #expect(effective.configuration == expected)
    let origins = Dictionary(
      uniqueKeysWithValues: effective.listing.matches(of: /(?m)^(\w+) = .*?  # (.*)$/).map {
        (String($0.output.1), String($0.output.2))
      })
    #expect(origins["max_workers"] == "--set")
    #expect(origins["threads"] == "DDPMD_THREADS in the environment")
    #expect(origins["crash_limit"] == "\(file).d/9.conf:3")
    #expect(origins["purge_count"] == "\(file).d/10.conf:5")
    #expect(origins["log_level"] == "default")
    #expect(
      effective.overridden == [
        "max_workers stays 6 until a restart: --set goes before 3 in \(file).d/9.conf:1",
        "threads stays 4 until a restart: DDPMD_THREADS in the environment goes before 3 "
          + "in \(file).d/9.conf:2",
      ])
  }

  /// What is listed is a configuration file that says the same.
  @Test func theListingIsAConfiguration() throws {
    let effective = try source(
      ["DDPMD_STOP_GRACE": "90 s", "DDPMD_PURGE_AGE": "36 h"], ["threads=7"]
    ).read()
    #expect(
      try Configuration(parsing: effective.listing, file: "f") == effective.configuration)
    #expect(effective.listing.split(separator: "\n").count == ConfigurationKey.all.count)
  }

  @Test func errorsOfAllLayersAreNamedWithTheirPlaces() throws {
    try write("", "threads = none\n")
    try write("a.conf", "\nmax_workers = 0\n")
    let error = try #require(throws: ConfigurationError.self) {
      try source(["DDPMD_THREAD": "2", "DDPMD_LOG_LEVEL": ""], ["threads", "speed=1"]).read()
    }
    for (problem, expected) in zip(
      error.problems,
      [
        "\(file):1: threads is \"none\"; allowed: auto, or",
        "\(file).d/a.conf:2: max_workers is \"0\"; allowed: an integer from 1 to 64",
        "DDPMD_LOG_LEVEL in the environment: log_level is \"\"; allowed: one of trace",
        "DDPMD_THREAD in the environment: unknown key \"thread\"; did you mean \"threads\"?",
        "--set: \"threads\" is not of the form key = value",
        "--set: unknown key \"speed\"; the keys are admin_group, crash_limit",
      ])
    { #expect(problem.hasPrefix(expected)) }
    #expect(error.problems.count == 6)
  }

  /// Drop-ins hold without a main file, and one that cannot be read is an error.
  @Test func dropInsStandAlone() throws {
    try write("a.conf", "max_workers = 2\n")
    #expect(try source(isRequired: false).read().configuration.maxWorkers == 2)
    try Directory.create(file + ".d/b.conf")
    let error = try #require(throws: ConfigurationError.self) {
      try source(isRequired: false).read()
    }
    #expect(error.description.hasPrefix("\(file).d/b.conf: "))
  }

  private func source(
    _ environment: [String: String] = [:], _ assignments: [String] = [], isRequired: Bool = true
  ) throws -> ConfigurationSource {
    if isRequired, try !Directory.exists(file) { try write("", "") }
    return ConfigurationSource(
      file: file, isRequired: isRequired, environment: environment, assignments: assignments)
  }

  /// Writes a drop-in, or the file itself.
  private func write(_ name: String, _ text: String) throws {
    try AtomicFile.write(text, to: name.isEmpty ? file : "\(file).d/\(name)")
  }
}
