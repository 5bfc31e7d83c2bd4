/// The classes of diffusers whose configs describe a chain as `DDPMScheduler`'s does.
///
/// What sets them apart is how they sample, which a job says; what they share is kept, and written
/// as a `DDPMScheduler`'s. They differ in what a key means that is not there.
enum SchedulerClass: String, CaseIterable, Sendable {
  case ddpm = "DDPMScheduler"
  case ddim = "DDIMScheduler"
  case dpmSolver = "DPMSolverMultistepScheduler"
  case heun = "HeunDiscreteScheduler"
  case pndm = "PNDMScheduler"

  /// Puts the class's defaults in place of `DDPMScheduler`'s.
  func setDefaults(of config: inout SchedulerConfig) {
    switch self {
    case .ddpm, .ddim: break
    case .dpmSolver: config.timestepSpacing = .linspace
    case .heun:
      config.timestepSpacing = .linspace
      config.betaStart = 0.00085
      config.betaEnd = 0.012
      config.clipSample = false
    case .pndm: config.setAlphaToOne = false
    }
  }
}

extension SchedulerConfig {
  /// The class whose config this is as far as keys and defaults go; read before all other keys.
  var schedulerClass: SchedulerClass {
    get { .ddpm }
    set { newValue.setDefaults(of: &self) }
  }
}
