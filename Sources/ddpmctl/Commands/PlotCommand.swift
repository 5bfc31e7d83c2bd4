import ArgumentParser
import DurableIO
import Images
import Jobs
import Spool

struct PlotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plot",
    abstract: "Plot a train job's loss, also while it runs, or an evaluate job's terms.",
    discussion: """
      Into the terminal, as a picture where it is known to show some, else in braille; several jobs go \
      into one plot. With --output into a PNG or SVG file. NO_COLOR and CLICOLOR_FORCE are respected.
      """)

  @OptionGroup var spool: SpoolOptions

  @Option(
    help: ArgumentHelp(
      "What to plot of train jobs: "
        + PlottedMetric.allCases.map(\.rawValue).joined(separator: ", ") + ".",
      valueName: "metric"),
    completion: .choice(of: PlottedMetric.self), transform: choice)
  var metric = PlottedMetric.loss

  @Flag(
    inversion: .prefixedNo,
    help: "A logarithmic vertical axis. Default: for losses and terms, not for other metrics.")
  var log: Bool?

  @Option(
    help: ArgumentHelp(
      "Steps that the moving average is taken of; 0 plots every step as it is. "
        + "Default: a fiftieth of all.", valueName: "steps"))
  var smooth: Int?

  @Option(
    help: ArgumentHelp(
      "How the terminal shows it: "
        + PlotFormat.allCases.map(\.rawValue).joined(separator: ", ")
        + ". Default: what it is known to support.", valueName: "format"),
    completion: .choice(of: PlotFormat.self), transform: choice)
  var format: PlotFormat?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Write a file whose name ends in .png or .svg.", valueName: "file"),
    completion: .file(extensions: ["png", "svg"]))
  var output: String?

  @Argument(
    help: "The jobs' numbers or names, or ranges of numbers as 17-19.", completion: .jobs(),
    transform: jobSelection)
  var jobs: [JobSelection]

  func validate() throws {
    if let smooth, smooth < 0 { throw ValidationError("--smooth is 0 or more steps") }
    if output != nil, format != nil {
      throw ValidationError("--format is for the terminal; --output chooses by the file's name")
    }
    if let output, !output.hasSuffix(".png"), !output.hasSuffix(".svg") {
      throw ValidationError("--output: \(output): the name ends in .png or .svg")
    }
  }

  func run() throws {
    let views = try jobs.flatMap {
      try spool.jobs($0, preferring: { $0.envelope?.spec.kind != "sample" })
    }
    if views.isEmpty { return }
    let plot = try self.plot(of: views)
    guard let output else { return Terminal.output.write(shown(plot)) }
    try writeForUser(
      output.hasSuffix(".svg") ? Array(plot.svg.utf8) : encodePNG(plot.image), to: output)
  }

  private func plot(of views: [JobView]) throws -> Plot {
    let works = try views.map { view in
      guard let spec = view.spec else {
        throw Refusal("this ddpmctl cannot read \(view.directory.job)")
      }
      return (view: view, work: spec.work)
    }
    let trained = try works.compactMap { view, work -> TrainedJob? in
      guard case .train(let spec) = work else { return nil }
      return TrainedJob(
        name: "\(view.name) (\(view.id))", spec: spec,
        record: try attempt { try TrainingRecord(view.directory) })
    }
    if trained.count == works.count {
      let plots = TrainingPlots(
        title: views.count == 1 ? views[0].title : "\(views.count) train jobs", jobs: trained,
        smoothing: smooth, isLogarithmic: log)
      return plots.plot(metric, showsEach: true)
    }
    guard works.count == 1, case .evaluate = works[0].work else {
      let other = works.first { if case .train = $0.work { false } else { true } }
      throw Refusal(
        "\(other?.view.title ?? "one of the jobs") has no curve of its training; plot train jobs,"
          + " or one evaluate job alone")
    }
    guard let evaluation = EvaluationRecord(views[0].directory) else {
      throw Refusal("there are no terms yet: \(spool.ending(of: views[0]))")
    }
    return evaluation.termsPlot(
      title: views[0].title, names: evaluation.models.map(\.weights), isLogarithmic: log ?? true)
  }

  /// The plot as the terminal on standard output shows it.
  private func shown(_ plot: Plot) -> String {
    let terminal = Terminal.output
    let size = terminal.size
    let columns = size.columns ?? 80
    let chosen =
      format
      ?? (terminal.isInteractive ? PlotFormat.supported(by: environment) : .braille)
    var plot = plot
    if let cell = size.cell { plot.width = min(max(columns * cell.width, 480), 960) }
    switch chosen {
    case .kitty: return kittyGraphics(plot.image)
    case .sixel: return sixelGraphics(plot.image)
    case .braille:
      let text = TextPlot(
        // A whole plot and the next prompt are seen at once.
        plot, width: columns, height: min(max((size.rows ?? 24) - 3, 12), 28),
        // Who asks for braille gets it, whatever the locale says.
        isUnicode: format == .braille || Terminal.isUnicode, isColored: terminal.usesColor)
      return text.lines.map { $0 + "\n" }.joined()
    }
  }
}
