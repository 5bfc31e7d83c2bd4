import DurableIO
import Foundation
import Images
import Jobs
import Spool
import StrictJSON
import Testing

@testable import ddpmctl

@Suite struct TextPlotTests {
  private func plot(_ curves: [Images.Plot.Curve], isLogarithmic: Bool = false) -> Images.Plot {
    Images.Plot(
      title: "train a (job 1)", xLabel: "optimizer step", yLabel: "loss", curves: curves,
      isLogarithmic: isLogarithmic)
  }

  private func curve(_ name: String, _ value: (Double) -> Double) -> Images.Plot.Curve {
    Images.Plot.Curve(name, (0...300).map { (Double($0), value(Double($0))) })
  }

  /// A straight line fills its frame from corner to corner, one dot beside the other.
  @Test func brailleFollowsALine() throws {
    let lines = TextPlot(
      plot([curve("a") { 7 * $0 }]), width: 60, height: 20, isUnicode: true, isColored: false
    ).lines
    #expect(lines[0] == "train a (job 1)")
    let dots: [(x: Int, y: Int)] = lines.enumerated().flatMap { row, line in
      line.enumerated().flatMap { column, character -> [(x: Int, y: Int)] in
        guard let scalar = character.unicodeScalars.first, (0x2800...0x28FF).contains(scalar.value)
        else { return [] }
        let places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
        return (0..<8).filter { (scalar.value - 0x2800) >> UInt32($0) & 1 == 1 }.map {
          (column * 2 + places[$0].0, row * 4 + places[$0].1)
        }
      }
    }
    let columns = Dictionary(grouping: dots, by: \.x)
    let xs = columns.keys.sorted()
    #expect(xs == Array(try #require(xs.first)...(try #require(xs.last))))
    // Up to the right, and within a dot of the straight line between its ends.
    let (first, last) = (
      try #require(columns[xs[0]]?.first), try #require(columns[xs.last ?? 0]?.last)
    )
    #expect(first.y > last.y + 40)
    for dot in dots {
      let expected =
        Double(first.y) + Double(last.y - first.y) * Double(dot.x - first.x)
        / Double(last.x - first.x)
      #expect(abs(Double(dot.y) - expected) <= 1.5)
    }
  }

  @Test(arguments: [0, 20, 33, 80, 200], [0, 8, 12, 40])
  func noLineIsTooLong(width: Int, height: Int) {
    let plots = [
      plot([]), plot([curve("one") { _ in 3 }]),
      plot([curve("a long name for a curve") { $0 }, curve("another one") { -1e9 * $0 }]),
      plot([curve("x") { exp(-$0 / 10) }, .steps([(1, 1)])], isLogarithmic: true),
    ]
    for plot in plots {
      for (isUnicode, isColored) in [(true, true), (true, false), (false, true), (false, false)] {
        let lines = TextPlot(
          plot, width: width, height: height, isUnicode: isUnicode, isColored: isColored
        ).lines
        for line in lines {
          let plain = line.replacing(/\u{1B}\[[0-9]+m/, with: "")
          #expect(plain.count <= max(width, 20), "\(line)")
          #expect(isColored || !line.contains("\u{1B}"))
          #expect(isUnicode || plain.unicodeScalars.allSatisfy(\.isASCII))
        }
      }
    }
  }

  @Test func withoutColoursLettersTellCurvesApart() {
    let plot = plot([curve("up") { $0 }, curve("down") { -$0 }])
    let lines = TextPlot(plot, width: 60, height: 20, isUnicode: true, isColored: false).lines
    #expect(lines[2] == "a up   b down")
    let body = lines.dropFirst(3).joined()
    #expect(body.contains("a") && body.contains("b"))
    let colored = TextPlot(plot, width: 60, height: 20, isUnicode: true, isColored: true).lines
    #expect(colored[2].contains("\u{1B}[94m━━\u{1B}[0m up"))
  }
}

@Suite struct TerminalGraphicsTests {
  private static let picture: Image = {
    let points = (0..<400).map { (x: Double($0), y: 1 / Double($0 + 1)) }
    var plot = Images.Plot(title: "t", xLabel: "x", yLabel: "y", points: points)
    (plot.width, plot.height) = (300, 250)
    return plot.image
  }()

  /// What a terminal that understands Sixel shows, in percent.
  private func decode(_ text: String, width: Int, height: Int) throws -> [[Int]] {
    let start = "\u{1B}Pq\"1;1;\(width);\(height)"
    #expect(text.hasPrefix(start) && text.hasSuffix("\u{1B}\\\n"))
    var pixels = [[Int]](repeating: [], count: width * height)
    var colors: [Int: [Int]] = [:]
    var (x, top, color) = (0, 0, 0)
    let tokens = text.dropFirst(start.count).dropLast(3)
      .matches(of: /#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)(.)|([?-~])|([$-])/)
    func draw(_ character: Character, _ count: Int) {
      let bits = Int(character.asciiValue ?? 63) - 63
      for _ in 0..<count {
        for row in 0..<6 where bits >> row & 1 == 1 {
          pixels[(top + row) * width + x] = colors[color] ?? []
        }
        x += 1
      }
    }
    for token in tokens {
      if let number = token.output.1 {
        color = try #require(Int(number))
        if let r = token.output.2, let g = token.output.3, let b = token.output.4 {
          colors[color] = [r, g, b].compactMap { Int($0) }
        }
      } else if let count = token.output.5, let character = token.output.6?.first {
        draw(character, Int(count) ?? 0)
      } else if let character = token.output.7?.first {
        draw(character, 1)
      } else {
        (x, top) = (0, token.output.8 == "-" ? top + 6 : top)
      }
    }
    #expect(colors.count <= 255)
    return pixels
  }

  @Test func sixelShowsThePicture() throws {
    let picture = Self.picture
    let shown = try decode(
      sixelGraphics(picture), width: picture.width, height: picture.height)
    for (i, color) in shown.enumerated() {
      let expected = picture.pixels[3 * i..<3 * i + 3].map { Int($0) * 100 / 255 }
      try #require(color.count == 3)
      for (a, b) in zip(color, expected) { #expect(abs(a - b) <= 7) }
    }
  }

  @Test func kittyGetsThePictureAsPNG() throws {
    let text = kittyGraphics(Self.picture)
    let chunks = text.matches(of: /\x1b_G([^;]*);([^\x1b]*)\x1b\\/)
    #expect(chunks.map { $0.output.0.count }.reduce(0, +) == text.count - 1)
    #expect(
      chunks.dropLast().allSatisfy { $0.output.1.hasSuffix("m=1") && $0.output.2.count == 4096 })
    #expect(chunks.last?.output.1.hasSuffix("m=0") == true)
    #expect(chunks.first?.output.1.hasPrefix("a=T,f=100") == true)
    let data = try #require(Data(base64Encoded: chunks.map { String($0.output.2) }.joined()))
    #expect(try decodePNG(Array(data)) == Self.picture)
  }

  @Test(arguments: 0..<70) func base64IsThatOfFoundation(count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 89 + count) }
    #expect(base64(bytes) == Data(bytes).base64EncodedString())
  }

  @Test(arguments: [
    (["TERM": "xterm-kitty"], PlotFormat.kitty), (["TERM": "foot"], .sixel),
    (["TERM": "xterm-256color"], .braille), ([:], .braille),
    (["TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"], .kitty),
    // A multiplexer passes no pictures on.
    (["TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"], .braille),
    (["TERM": "xterm-kitty", "TMUX": "/tmp/tmux"], .braille),
  ])
  func theTerminalDecides(environment: [String: String], format: PlotFormat) {
    #expect(PlotFormat.supported { environment[$0] } == format)
  }
}

@Test(arguments: [
  ([:], true, true), ([:], false, false), (["NO_COLOR": "1"], true, false),
  (["NO_COLOR": ""], true, true), (["CLICOLOR_FORCE": "1"], false, true),
  (["CLICOLOR_FORCE": "0"], false, false), (["CLICOLOR": "0"], true, false),
  (["NO_COLOR": "1", "CLICOLOR_FORCE": "1"], true, false),
])
func coloursAreAsTheEnvironmentAsks(
  _ environment: [String: String], isTerminal: Bool, usesColor: Bool
) {
  #expect(Terminal.usesColor(onTerminal: isTerminal) { environment[$0] } == usesColor)
}

/// The real program on jobs with a record.
@Suite(.timeLimit(.minutes(10))) struct PlotCommandTests {
  private let bench: Bench

  init() throws { bench = try Bench() }

  /// Writes what a worker records, with the torn line of one that is writing.
  private func record(_ id: Int, steps: Int) throws {
    let directory = bench.layout.jobDirectory(id)
    let lines = (1...steps).map { step in
      "{\"step\": \(step), \"loss\": \(1 / Double(step)), \"gradient_norm\": 1.5,"
        + " \"learning_rate\": 0.001, \"images_per_second\": 41.5}\n"
    }
    try AtomicFile.write(lines.joined() + "{\"step\": 9", to: directory.metrics)
    try AtomicFile.write("{\"step\": 2, \"ema\": 0.5, \"raw\": 0.75}\n", to: directory.heldOut)
  }

  @Test func plotsJobsThatRun() throws {
    try bench.admit("a", kind: "train", .running)
    try bench.admit("b", kind: "train", .done)
    #expect(try bench.run(["plot", "a"]).output.contains("no values yet"))
    try record(1, steps: 40)
    try record(2, steps: 80)
    let one = try bench.run(["plot", "a", "--format", "braille"]).output
    #expect(one.contains("train a (job 1)\nloss, mean squared error\n"))
    #expect(one.contains("optimizer step"))
    #expect(!one.contains("\u{1B}"))
    let both = try bench.run(["plot", "a", "b", "--metric", "gradient-norm"]).output
    #expect(both.contains("a a (1)   b b (2)"))
    #expect(try bench.run(["plot", "a", "--format", "sixel"]).output.hasPrefix("\u{1B}Pq"))
  }

  @Test func writesPictures() throws {
    try bench.admit("a", kind: "train", .done)
    try record(1, steps: 40)
    for name in ["a.png", "a.svg"] {
      #expect(try bench.run(["plot", "a", "-o", "\(bench.root)/\(name)"]).code == 0)
    }
    #expect(try decodePNG(try readFile("\(bench.root)/a.png")).width == 960)
    #expect(String(decoding: try readFile("\(bench.root)/a.svg"), as: UTF8.self).hasPrefix("<svg "))
    let refused = try bench.run(["plot", "a", "-o", "a.jpg"])
    #expect(refused.code == 64 && refused.errors.contains("ends in .png or .svg"))
  }

  @Test func whatHasNoCurveIsRefused() throws {
    try bench.admit("a", .done)
    try bench.admit("b", kind: "evaluate", .queued)
    #expect(try bench.run(["plot", "a"]).errors.contains("sample a (job 1) has no curve"))
    #expect(try bench.run(["plot", "b"]).errors.contains("there are no terms yet"))
  }
}
