/// A job as one HTML page that needs nothing else: no network, no script, curves as SVG, pictures as
/// data. Everything is there as far as it is known, whatever the job's state.

import DurableIO
import Images
import Jobs
import Spool
import StrictJSON

struct JobReport {
  let view: JobView
  let events: [JobEvent]
  let record: TrainingRecord
  let evaluation: EvaluationRecord?
  let pictures: JobPictures
  let outcome: JobOutcome
  /// The results' manifest; nil until there are results.
  let manifest: JSONValue?
  /// The worker's last words.
  let log: [String]

  private static let logLines = 40

  /// Reads all that there is to say about a job.
  init(_ view: JobView, in spool: SpoolOptions) throws {
    self.view = view
    outcome = try JobOutcome(view, evaluations: spool.evaluations())
    events = try attempt { try spool.reader.events(of: view.id) }
    record = try attempt { try TrainingRecord(view.directory) }
    pictures = try attempt { try JobPictures(view.directory) }
    evaluation = EvaluationRecord(view.directory)
    manifest = try attempt { try readFileIfPresent(view.directory.results + "/manifest.json") }
      .flatMap { try? JSONValue(parsing: $0) }
    let log = try attempt { try readFileIfPresent(view.directory.log, limit: 1 << 30) }
    self.log = String(decoding: log ?? [], as: UTF8.self)
      .split(separator: "\n").suffix(Self.logLines).map(String.init)
  }

  var page: String {
    let html: HTML = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
      style-src 'unsafe-inline'">
      <meta name="viewport" content="width=device-width">
      <meta name="color-scheme" content="light dark">
      <title>\(view.title)</title>
      <link rel="icon" href="data:,">
      <style>\(HTML(trusted: Self.style))</style>
      </head>
      <body>
      <header><h1>\(view.name)</h1>
      <p>\(view.kind) job \(view.id), <span class="state">\(view.stateAndReason)</span></p></header>
      <main>
      \(sections)
      </main>
      <footer><p>Written by ddpmctl \(ddpmdVersion) at \(Timestamp.now().description).</p></footer>
      </body>
      </html>

      """
    return html.markup
  }

  private var sections: [HTML] {
    let sections: [(title: String, content: HTML?)] = [
      ("Outcome", outcomeFacts), ("Curves", curves), ("Likelihood", likelihood),
      ("Pictures", gallery), ("Timings", timings), ("History", history), ("Log", logTail),
      ("Environment", environment), ("Configuration", configuration),
    ]
    return sections.compactMap { section in
      section.content.map { "<section><h2>\(section.title)</h2>\n\($0)</section>" }
    }
  }

  // MARK: Sections; nil where there is nothing to say

  private var outcomeFacts: HTML? { HTML.facts(outcome.facts) }

  private var curves: HTML? {
    guard case .train(let spec) = view.spec?.work, !record.steps.isEmpty else { return nil }
    let plots = TrainingPlots(
      title: view.title, jobs: [TrainedJob(name: view.name, spec: spec, record: record)])
    let metrics = PlottedMetric.allCases.filter { $0 != .heldOut }
    return "\(metrics.map { figure(plots.plot($0, showsEach: true), title: $0.rawValue) })"
  }

  private var likelihood: HTML? {
    guard let evaluation = evaluation ?? outcome.likelihood?.record else { return nil }
    let source = outcome.likelihood.flatMap {
      $0.job == view.id ? nil : ", measured by job \($0.job)"
    }
    let rows = evaluation.models.flatMap { model in
      model.parts.map { [model.weights, $0.name, $0.estimate.text] }
        + [[model.weights, "−log p(x) at most", model.nll.text]]
    }
    let terms = evaluation.models.flatMap { model in
      model.terms.map { term in
        [
          model.weights, "\(term.timesteps.lowerBound) – \(term.timesteps.upperBound)",
          significant(term.bits, digits: 4), significant(term.rate, digits: 4),
          significant(term.rmse, digits: 4),
        ]
      }
    }
    let names = evaluation.models.map(\.weights)
    return """
      <p>The variational bound on \(evaluation.images) images in bits per dimension\(source ?? "").</p>
      \(HTML.table(["weights", "term", "bits/dim"], rows, numeric: [2]))
      \(figure(evaluation.termsPlot(title: view.title, names: names), title: "terms"))
      \(figure(evaluation.rateDistortionPlot(title: view.title), title: "rate and distortion"))
      \(HTML.folded(
        "All \(terms.count) terms",
        .table(["weights", "t", "bits/dim", "rate", "RMSE"], terms, numeric: [1, 2, 3, 4])))
      """
  }

  private var gallery: HTML? {
    if pictures.pictures.isEmpty { return nil }
    let figures = pictures.pictures.map { picture -> HTML in
      """
      <figure><img alt="\(picture.name)" src="data:image/png;base64,\(base64(picture.png))">
      <figcaption>\(picture.name)</figcaption></figure>
      """
    }
    let rest: HTML =
      pictures.leftOut == 0
      ? "" : "<p>\(pictures.leftOut) more are in \(view.directory.path).</p>"
    return "<div class=\"gallery\">\(figures)</div>\(rest)"
  }

  private var timings: HTML? {
    let attempts = JobAttempt.all(in: events)
    let submitted = view.job.envelope?.submitted
    let waited = submitted.flatMap { submitted in
      attempts.first.map { Double($0.began.milliseconds - submitted.milliseconds) / 1000 }
    }
    let rows = attempts.map { attempt in
      [
        "\(attempt.number)", attempt.began.description,
        attempt.seconds.map { durationText(seconds: $0) } ?? "",
        attempt.end?.kind.rawValue ?? "under way", attempt.end?.reason ?? "",
      ]
    }
    return """
      \(HTML.facts([
        ("submitted", submitted?.description ?? ""),
        ("waited", waited.map { durationText(seconds: $0) } ?? ""),
        ("ran", view.timeRun ?? ""),
        ("ended", view.job.entry.ended?.description ?? ""),
      ]))
      \(rows.isEmpty ? "" : HTML.table(["run", "began", "took", "ended", "why"], rows, numeric: [0]))
      """
  }

  private var history: HTML? {
    if events.isEmpty { return nil }
    return HTML.table(
      ["time", "event", "run", "reason"],
      events.map { event in
        [
          event.time.description, event.kind.rawValue, event.attempt > 0 ? "\(event.attempt)" : "",
          // What a worker also wrote to its log is not said twice.
          ([event.reason].compactMap { $0 }
            + event.logLines.filter { line in !(event.reason.map(line.contains) ?? false) })
            .joined(separator: "\n"),
        ]
      }, numeric: [2])
  }

  private var logTail: HTML? {
    log.isEmpty ? nil : "<pre>\(log.joined(separator: "\n"))</pre>"
  }

  private var environment: HTML? {
    let envelope = view.job.envelope
    let files = (manifest?["files"]?.array ?? []).map { file in
      [
        file["path"]?.string ?? "", file["bytes"]?.int.map { "\($0)" } ?? "",
        file["sha256"]?.string ?? "",
      ]
    }
    let inputs = (manifest?["inputs"]?.object?.members ?? []).map { input in
      (name: "input: \(input.key)", value: input.value.string ?? input.value.serialized())
    }
    return """
      \(HTML.facts([
        ("submitter", envelope.map { userName($0.submitter) } ?? ""),
        ("job file", envelope.map { "\($0.fileName), SHA-256 \($0.sha256)" } ?? ""),
        ("folder", view.directory.path),
        ("machine", machineText()),
        ("kernels", manifest?["kernels"]?.string ?? ""),
      ] + inputs))
      \(files.isEmpty ? "" : HTML.folded(
        "All \(files.count) files of the results",
        .table(["file", "bytes", "SHA-256"], files, numeric: [1])))
      """
  }

  private var configuration: HTML? {
    view.spec.map { "<pre>\($0.json.serialized(pretty: true))</pre>" }
  }

  private func figure(_ plot: Plot, title: String) -> HTML {
    "<figure class=\"chart\" title=\"\(title)\">\(HTML(trusted: plot.svg))</figure>"
  }

  private static let style = """
    :root{color-scheme:light dark;--text:#1f2937;--quiet:#4b5563;--sheet:#fff;--line:#e5e7eb;\
    --panel:#f3f4f6}
    @media(prefers-color-scheme:dark){:root{--text:#e5e7eb;--quiet:#9ca3af;--sheet:#111827;\
    --line:#293241;--panel:#1b2433}}
    body{margin:0 auto;max-width:62rem;padding:1.5rem;font:16px/1.5 system-ui,sans-serif;\
    color:var(--text);background:var(--sheet)}
    h1{margin:0;font-size:1.8rem;overflow-wrap:anywhere}h2{margin:2rem 0 .75rem;font-size:1.2rem;\
    border-bottom:1px solid var(--line)}
    header p,footer,figcaption,dt,th,summary{color:var(--quiet)}.state{color:var(--text)}
    dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.5rem;margin:0}
    dd{margin:0;overflow-wrap:anywhere}.wide{overflow-x:auto;margin:.75rem 0}
    table{border-collapse:collapse}th,td{text-align:left;padding:.25rem .75rem .25rem 0;\
    vertical-align:top;white-space:nowrap;border-bottom:1px solid var(--line)}
    td:last-child{white-space:pre-wrap}.number{text-align:right;font-variant-numeric:tabular-nums}
    pre{background:var(--panel);padding:1rem;overflow-x:auto;font-size:.85rem;border-radius:.4rem}
    figure{margin:0}.chart{margin:1rem 0}.chart svg{width:100%;height:auto;display:block}
    .gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:1rem}
    .gallery img{width:100%;height:auto;image-rendering:pixelated}
    figcaption{font-size:.85rem;overflow-wrap:anywhere}summary{cursor:pointer}
    """
}
