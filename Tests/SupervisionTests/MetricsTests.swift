import DurableIO
import Glibc
import Jobs
import Spool
import Testing

@testable import Supervision

@Suite struct MetricFamilyTests {
  @Test func whatLabelsAndValuesAreTheFormatHoldsThem() throws {
    let labels = ["plain", "with \"quotes\"", "back\\slash\\n", "two\nlines", "ü, {x=\"y\"}"]
    let values = [0, -1.5, 1e300, 1e-9, .infinity, -.infinity, 9_007_199_254_740_993]
    let samples = zip(labels + ["a", "b"], values).map { ([(name: "x", value: $0)], $1) }
    let text = MetricFamily("m", .gauge, "Some\nhelp \\.", samples).text
    let read = try PrometheusText(text)
    #expect(read.samples.count == samples.count)
    #expect(Set(read.samples.values) == Set(values))
    #expect(MetricFamily("m", .gauge, "Nothing.", nil).text == "")
    #expect(
      try PrometheusText(MetricFamily("m", .gauge, "h", .nan).text).samples["m"]?.isNaN == true)
  }

  /// Everything there can be to say is in the format, with a name of its own.
  @Test func allMetricsAreOfTheFormat() throws {
    var metrics = Metrics()
    metrics.jobs = [.queued: 3, .running: 1]
    let progress = Progress(
      step: 3, steps: 64, loss: .nan, bitsPerDimension: 2.5, imagesPerSecond: 1e3, secondsLeft: 7)
    metrics.running = [
      .init(id: 7, kind: "train", name: "a", attempt: 2, began: .now(), progress: progress),
      .init(id: 8, kind: "train", name: "b"),
    ]
    var machine = MachineMetrics()
    machine.endedJobs = [.done: 5, .failed: 0, .cancelled: 1]
    (machine.freeState, machine.freeSpool) = (1 << 40, 0)
    machine.checkpoints = [7: 1.7e9]
    let families = metrics.families(machine)
    let read = try PrometheusText(families.map(\.text).joined())
    #expect(families.allSatisfy { !$0.samples.isEmpty })
    #expect(read.types.count == families.count)
    #expect(read.types.keys.allSatisfy { $0.hasPrefix("ddpmd_") })
    #expect(read.samples[#"ddpmd_job_steps_done{job="7",kind="train",name="a"}"#] == 3)
    #expect(read.samples[#"ddpmd_job_steps_done{job="8",kind="train",name="b"}"#] == nil)
    #expect(read.samples[#"ddpmd_jobs{state="done"}"#] == 5)
  }
}

@Suite struct MetricsServerTests {
  private let spool: TestSpool
  private var path: String { spool.root + "/socket" }

  init() throws { spool = try TestSpool(worker: "") }

  @Test(arguments: [
    ("GET /metrics HTTP/1.0\r\n\r\n", "200 OK"),
    ("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n", "200 OK"),
    ("GET /metrics HTTP/1.1\nHost: x\n\n", "200 OK"),
    ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
    ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
    ("GET /metrics\r\n\r\n", "400 Bad Request"), ("\r\n\r\n", "400 Bad Request"),
    ("\u{0}\u{ff} \n\n", "400 Bad Request"),
    (String(repeating: "x", count: 9000), "431 Request Header Fields Too Large"),
    ("GET /metrics HTTP/1.0\r\nx: " + String(repeating: "x\n", count: 5000), "431"),
  ])
  func aRequestIsAnswered(_ request: String, _ status: String) throws {
    let server = try MetricsServer(path)
    let client = try UnixClient(path)
    client.say(request)
    serve(server)
    let answer = client.hear()
    #expect(answer.hasPrefix("HTTP/1.0 \(status)"))
    let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1)
    try #require(parts.count == 2)
    #expect(answer.contains("\r\nContent-Length: \(parts[1].utf8.count)\r\n"))
    #expect((parts[1] == "the metrics\n") == (status == "200 OK"))
  }

  /// However a request comes in pieces, it is answered when it is whole.
  @Test func noProperPrefixOfARequestIsAnswered() throws {
    let server = try MetricsServer(path)
    let client = try UnixClient(path)
    for character in "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".unicodeScalars {
      #expect(!client.isReady)
      client.say(String(character))
      serve(server)
    }
    #expect(client.hear().hasSuffix("the metrics\n"))
  }

  /// Clients that say nothing have little room and little time, and hold up nobody.
  @Test func whoSaysNothingIsTurnedAway() throws {
    let server = try MetricsServer(path)
    let silent = try (0..<100).map { number in
      let client = try UnixClient(path)
      if number.isMultiple(of: 2) { client.say("GET /metrics HTTP/1.0\r\n") }
      serve(server)
      #expect(try scrape(server).hasSuffix("the metrics\n"))
      return client
    }
    let waiting = silent.count { !$0.isReady }
    #expect((1..<20).contains(waiting), "there is a bound")
    #expect(silent.suffix(waiting).allSatisfy { !$0.isReady }, "the last ones are heard out")
    // Whatever the clock says: they have had their time.
    while let deadline = server.deadline { server.expire(deadline) }
    #expect(silent.allSatisfy { $0.isReady })
    #expect(try scrape(server).hasSuffix("the metrics\n"))
    #expect(server.deadline == nil, "nobody keeps the daemon awake")
  }

  /// However many want to be let in at once, who has asked is answered.
  @Test func aCrowdIsAnswered() throws {
    let server = try MetricsServer(path)
    let crowd = try (0..<16).map { _ in
      let client = try UnixClient(path)
      client.say("GET /metrics HTTP/1.0\r\n\r\n")
      return client
    }
    serve(server)
    for client in crowd { #expect(client.hear().hasSuffix("the metrics\n")) }
  }

  @Test func clientsThatHangUpAreForgotten() throws {
    let server = try MetricsServer(path)
    for request in ["", "GET", "GET /metrics HTTP/1.0\r\n\r\n"] {
      try UnixClient(path).say(request)
      serve(server)
    }
    #expect(server.descriptors.count == 1)
  }

  @Test func onlyASocketThatNobodyListensAtIsReplaced() throws {
    do {
      let first = try MetricsServer(path)
      #expect(throws: SystemError.self) { try MetricsServer(path) }
      #expect(try FileStatus(ofLink: path).permissions & 0o666 == 0o666)
      try Directory.rename(path, to: path + "2")
      withExtendedLifetime(first) {}
    }
    // What a daemon leaves that was killed.
    try Directory.rename(path + "2", to: path)
    let second = try MetricsServer(path)
    withExtendedLifetime(second) {}
    try AtomicFile.write("precious", to: spool.root + "/file")
    #expect(throws: SystemError.self) { try MetricsServer(spool.root + "/file") }
    #expect(try readFile(spool.root + "/file") == Array("precious".utf8))
  }

  private func scrape(_ server: MetricsServer) throws -> String {
    let client = try UnixClient(path)
    client.say("GET /metrics HTTP/1.0\r\n\r\n")
    serve(server)
    return client.hear()
  }

  /// Lets the server do all there is to do.
  private func serve(_ server: MetricsServer) {
    while true {
      let descriptors = server.descriptors
      let ready = zip(descriptors, poll(descriptors, until: .now)).filter(\.1)
      if ready.isEmpty { return }
      for (descriptor, _) in ready { server.take(descriptor) { "the metrics\n" } }
    }
  }
}
