/// Curves with labelled axes and a key: the losses of training steps as a thin pale line under their
/// moving average, anything else as one line. As a picture (`image`), as SVG (`svg`), or laid out for
/// whoever draws it elsewhere (`layout`).

/// What to plot.
public struct Plot: Sendable {
  /// Above the curve.
  public var title: String
  /// Below the horizontal axis.
  public var xLabel: String
  /// Above the vertical axis.
  public var yLabel: String
  /// Whether the vertical axis is logarithmic; values that are not above 10⁻¹⁰⁰ are then left out.
  public var isLogarithmic: Bool
  /// Pixels.
  public var width = 960
  /// Pixels.
  public var height = 540
  let curves: [Curve]

  /// One line of a plot.
  public struct Curve: Sendable {
    let name: String
    let points: [(x: Double, y: Double)]
    /// Of values that scatter, so that their moving average is what matters.
    let average: Average?

    struct Average: Sendable {
      /// Points that a mean is taken of; nil takes a fiftieth of all.
      var window: Int?
      /// What the values themselves are called, which are shown below the average; nil leaves them
      /// out.
      var eachName: String?
    }

    /// A line through `points`, in ascending order of x; numbers beyond 10¹⁰⁰, which no axis
    /// arithmetic survives, and those that are none are left out.
    public init(_ name: String, _ points: [(x: Double, y: Double)]) {
      self.init(name, points, average: nil)
    }

    /// A value for every training step; `points` as above.
    public static func steps(_ points: [(x: Double, y: Double)]) -> Curve {
      Curve("average", points, average: Average(eachName: "each step"))
    }

    /// The moving average over `window` of `points`, or of a fiftieth of them.
    public static func average(
      _ name: String, _ points: [(x: Double, y: Double)], window: Int? = nil
    ) -> Curve {
      Curve(name, points, average: Average(window: window))
    }

    /// The same with the values themselves below the average.
    public func showingEach(as name: String = "each step") -> Curve {
      Curve(self.name, points, average: Average(window: average?.window, eachName: name))
    }

    private init(_ name: String, _ points: [(x: Double, y: Double)], average: Average?) {
      self.name = name
      self.points = points.filter { abs($0.x) < 1e100 && abs($0.y) < 1e100 }
      self.average = average
    }
  }

  /// A plot of some curves.
  public init(
    title: String, xLabel: String, yLabel: String, curves: [Curve], isLogarithmic: Bool = true
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.curves = curves
    self.isLogarithmic = isLogarithmic
  }

  /// A plot of a value for every training step; `points` as for a curve.
  public init(
    title: String, xLabel: String, yLabel: String, points: [(x: Double, y: Double)],
    isLogarithmic: Bool = true
  ) {
    self.init(
      title: title, xLabel: xLabel, yLabel: yLabel, curves: [.steps(points)],
      isLogarithmic: isLogarithmic)
  }
}
