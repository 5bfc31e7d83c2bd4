import DurableIO
import Foundation
import Images
import Jobs
import Spool
import StrictJSON
import Testing

@testable import ddpmctl

@Suite struct HTMLTests {
  @Test func whatIsPutInIsText() {
    let text = "</p><script>\"&'"
    let html: HTML = "<p title=\"\(text)\">\(text)\([HTML("<br>"), "<hr>"])\(7)</p>"
    let escaped = "&lt;/p&gt;&lt;script&gt;&quot;&amp;&#39;"
    #expect(html.markup == "<p title=\"\(escaped)\">\(escaped)<br>\n<hr>7</p>")
    #expect(
      HTML.facts([("a", ""), ("<b>", "1 < 2")]).markup
        == "<dl><dt>&lt;b&gt;</dt><dd>1 &lt; 2</dd></dl>")
  }
}

@Suite struct JobAttemptsTests {
  private func event(_ kind: JobEvent.Kind, _ seconds: Int64, attempt: Int = 1) -> JobEvent {
    JobEvent(time: Timestamp(milliseconds: seconds * 1000), kind: kind, attempt: attempt)
  }

  @Test func runsGoFromStartToEnd() {
    let attempts = JobAttempt.all(in: [
      event(.admitted, 0, attempt: 0), event(.started, 5), event(.crashed, 15),
      event(.started, 20, attempt: 2), event(.cancelling, 25, attempt: 2),
      event(.cancelled, 26, attempt: 2), event(.retried, 30, attempt: 2),
      event(.started, 31, attempt: 3),
    ])
    #expect(attempts.map(\.number) == [1, 2, 3])
    #expect(attempts.map(\.seconds) == [10, 6, nil])
    #expect(attempts.map(\.end?.kind) == [.crashed, .cancelled, nil])
  }

  /// A job that is cancelled in the queue has ended, but not run.
  @Test func endsWithoutAStartAreNone() {
    #expect(JobAttempt.all(in: [event(.admitted, 0), event(.cancelled, 1)]).isEmpty)
  }
}

/// The pages themselves; a browser looks at them in `make test-report`.
@Suite(.timeLimit(.minutes(10))) struct ReportTests {
  private let bench: Bench

  init() throws { bench = try Bench() }

  @Test(arguments: ["sample", "evaluate", "train"], JobState.allCases)
  func thereIsOneOfEveryJob(kind: String, state: JobState) throws {
    let reason = "<script>alert(1)</script> & more"
    try bench.admit("a", kind: kind, state, reason: reason)
    let (page, errors, code) = try bench.run(["report", "a", "-o", "-"])
    #expect(code == 0 && errors.isEmpty)
    #expect(page.hasPrefix("<!DOCTYPE html>\n") && page.hasSuffix("</html>\n"))
    #expect(!page.contains("<script"))
    #expect(!page.contains("http://") || page.contains("xmlns"))
    #expect(page.contains("&quot;schema&quot;: &quot;ddpm.job/1&quot;"))
  }

  @Test func whatAnybodyWroteIsEscaped() throws {
    let hostile = "</pre><script>alert(1)</script>"
    try bench.admit("a", kind: "train", .failed, reason: hostile)
    let directory = bench.layout.jobDirectory(1)
    let history = try AppendLog(directory.events)
    try history.append(
      JobEvent(
        time: .now(), kind: .failed, attempt: 1, reason: hostile,
        logLines: ["<i>\(hostile)", "<i>"]
      ).line)
    try AtomicFile.write(hostile + "\n\u{1B}[31mred\n", to: directory.log)
    let page = try bench.run(["report", "a", "-o", "-"]).output
    let escaped = "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
    #expect(page.ranges(of: escaped).count == 3)
    #expect(page.ranges(of: "&lt;i&gt;").count == 1)
    #expect(!page.contains("<script") && !page.contains("\u{1B}"))
  }

  @Test func picturesAreInThePage() throws {
    try bench.admit("a", kind: "train", .running)
    let directory = bench.layout.jobDirectory(1)
    let previews = directory.resultsInProgress + "/previews"
    try Directory.create(previews)
    for step in 10...30 {
      let picture = Image(height: 4, width: 4, color: [UInt8(step)])
      try AtomicFile.write(encodePNG(picture), to: "\(previews)/step-\(step).png")
    }
    try AtomicFile.write("torn", to: "\(previews)/step-31.png")
    let page = try bench.run(["report", "a", "-o", "-"]).output
    let data = page.matches(
      of: /<img alt="previews\/step-(\d+).png" src="data:image\/png;base64,([^"]*)"/)
    #expect(data.first?.output.1 == "10")
    #expect(data.count == 8 && page.contains("<p>14 more are in "))
    for image in data {
      let bytes = try #require(Data(base64Encoded: String(image.output.2)))
      #expect(try decodePNG(Array(bytes)).pixels.first == UInt8(image.output.1))
    }
  }

  @Test func opensWithWhatTheDesktopOpensFilesWith() throws {
    try bench.admit("a", .done)
    let cache = bench.root + "/cache"
    let opener = bench.root + "/xdg-open"
    try AtomicFile.write("#!/bin/sh\necho \"opened $1\"\n", to: opener)
    try Directory.setPermissions(0o755, of: opener)
    var environment = ["XDG_CACHE_HOME": cache, "PATH": "\(bench.root):/usr/bin:/bin"]
    let page = cache + "/ddpmctl/a-1.html"
    #expect(try bench.run(["open", "a"], environment: environment).output == page + "\n")
    #expect(try Directory.exists(page))
    environment["DISPLAY"] = ":0"
    #expect(try bench.run(["open", "a"], environment: environment).output == "opened \(page)\n")
    #expect(
      try bench.run(["open", "--results", "a"], environment: environment).output
        == "opened \(bench.layout.jobDirectory(1).results)\n")
    try AtomicFile.write("#!/bin/sh\nexit 3\n", to: opener)
    #expect(try bench.run(["open", "a"], environment: environment).code == 1)
  }
}
