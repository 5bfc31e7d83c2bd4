import Foundation
import FoundationXML
import Images
import Testing

@Suite struct PlotLayoutTests {
  @Test func linesReachFromEdgeToEdge() throws {
    let points = (0...1000).map { (x: Double($0), y: Double($0 * $0)) }
    let plot = Plot(
      title: "", xLabel: "", yLabel: "", curves: [Plot.Curve("square", points)],
      isLogarithmic: false)
    let layout = plot.layout(columns: 50)
    let line = try #require(layout.lines.first)
    #expect(line.points.first?.x == 0 && line.points.last?.x == 1)
    #expect(line.points.count <= 4 * 51)
    // Ticks and points are on one scale.
    let tick = try #require(layout.xTicks.first { $0.label == "400" })
    #expect(tick.position == 0.4)
    for ticks in [layout.xTicks, layout.yTicks] {
      #expect(zip(ticks, ticks.dropFirst()).allSatisfy { $0.position < $1.position })
    }
  }

  /// The window is as wide as asked, narrower only towards the ends.
  @Test func averagesAreTakenOfTheWindow() throws {
    let points = (0..<100).map { (x: Double($0), y: $0 % 2 == 0 ? 0.0 : 1.0) }
    func spread(_ window: Int?) throws -> Double {
      let plot = Plot(
        title: "", xLabel: "", yLabel: "", curves: [.average("", points, window: window)],
        isLogarithmic: false)
      let middle = try #require(plot.layout(columns: 1000).lines.first).points[40..<60].map(\.y)
      return (middle.max() ?? 0) - (middle.min() ?? 0)
    }
    // Of 21 values in turn 0 and 1 the mean changes by 1/21 from step to step.
    #expect(try spread(20) < spread(4))
    #expect(try spread(0) > 0.9)
  }

  @Test func eachStepIsFaintBelowItsAverage() {
    let points = (0..<100).map { (x: Double($0), y: Double($0)) }
    let plot = Plot(
      title: "", xLabel: "", yLabel: "",
      curves: [Plot.Curve.average("mean", points).showingEach(), Plot.Curve("other", points)])
    #expect(plot.layout(columns: 10).lines.map(\.name) == ["each step", "mean", "other"])
    #expect(plot.layout(columns: 10).lines.map(\.isFaint) == [true, false, false])
    #expect(plot.layout(columns: 10).lines.map(\.curve) == [0, 0, 1])
  }
}

@Suite struct SVGTests {
  /// Collects what an XML parser makes of a text.
  private final class Reader: NSObject, XMLParserDelegate {
    var elements: [(name: String, attributes: [String: String])] = []
    var text = ""

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
      qualifiedName: String?, attributes: [String: String]
    ) { elements.append((name, attributes)) }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
  }

  private func read(_ svg: String) throws -> Reader {
    let parser = XMLParser(data: Data(svg.utf8))
    let reader = Reader()
    parser.delegate = reader
    try #require(parser.parse(), "\(String(describing: parser.parserError))")
    return reader
  }

  @Test(arguments: [
    "plain", "</text><script>alert(1)</script>", "\" onload=\"x", "a & b ' c",
    "\u{0}\u{1B}[0m\u{FFFE}",
    "Größe 大きさ 🙂", "]]>",
  ])
  func anyTextStaysText(_ text: String) throws {
    let points = (1...9).map { (x: Double($0), y: Double($0)) }
    let reader = try read(
      Plot(
        title: text, xLabel: text, yLabel: text, curves: [Plot.Curve(text, points)]
      ).svg)
    #expect(
      Set(reader.elements.map(\.name)) == ["svg", "style", "rect", "text", "path", "polyline"])
    let shown = text.replacing(/[\u{0}\u{1B}\u{FFFE}]/, with: "\u{FFFD}")
    #expect(reader.text.ranges(of: shown).count == 4)
    #expect(reader.elements.allSatisfy { $0.attributes["onload"] == nil })
  }

  @Test func curvesLieInTheFrame() throws {
    let points = (1...500).map { (x: Double($0), y: 1 / Double($0)) }
    let reader = try read(Plot(title: "", xLabel: "", yLabel: "", points: points).svg)
    let box = try #require(reader.elements.first?.attributes["viewBox"]).split(separator: " ")
      .compactMap { Double($0) }
    for line in reader.elements where line.name == "polyline" {
      let numbers = try #require(line.attributes["points"]).split { $0 == "," || $0 == " " }
        .compactMap { Double($0) }
      #expect(numbers.count >= 1000)
      for (index, number) in numbers.enumerated() {
        #expect((0...box[index % 2 == 0 ? 2 : 3]).contains(number))
      }
    }
  }

  @Test func nothingToDrawIsSaid() throws {
    #expect(
      try read(Plot(title: "", xLabel: "", yLabel: "", points: []).svg).text.contains(
        "no values yet"))
  }
}
