public import ModelConfig

extension SchedulerConfig {
  /// The timesteps t − 1, falling, of a chain shortened to `steps` steps, as diffusers'
  /// `set_timesteps` has them for this `timestep_spacing`, T and `steps_offset`; nil if they do not
  /// fit into 0 ..< T or two would be the same.
  ///
  /// - aboveZero: leaves timestep 0 out: `leading` and `linspace` part the chain into one more.
  ///   So does `DPMSolverMultistepScheduler`.
  public func timesteps(_ steps: Int, aboveZero: Bool = false) -> [Int]? {
    guard (1...numTrainTimesteps).contains(steps) else { return nil }
    let chain = Double(numTrainTimesteps)
    let points = aboveZero && timestepSpacing != .trailing ? steps + 1 : steps
    let rising: [Int] =
      switch timestepSpacing {
      case .leading:
        (0..<points).map { $0 * (numTrainTimesteps / points) + stepsOffset }
      case .linspace:
        (0..<points).map { i in
          let last = i > 0 && i == points - 1
          let value = last ? chain - 1 : Double(i) * ((chain - 1) / Double(max(points - 1, 1)))
          return Int(value.rounded(.toNearestOrEven))
        }
      case .trailing:
        (0..<points).reversed().map { i in
          Int((chain - Double(i) * (chain / Double(points))).rounded(.toNearestOrEven)) - 1
        }
      }
    let falling = Array(rising.suffix(steps).reversed())
    guard let first = falling.first, let last = falling.last, first < numTrainTimesteps, last >= 0,
      zip(falling, falling.dropFirst()).allSatisfy({ $0 > $1 })
    else { return nil }
    return falling
  }

  /// The same, for a sampler: whoever asks for one has looked before whether they exist.
  func chain(of steps: Int, aboveZero: Bool = false) -> [Int] {
    guard let timesteps = timesteps(steps, aboveZero: aboveZero) else {
      preconditionFailure("\(steps) timesteps do not fit into the chain")
    }
    return timesteps
  }
}
