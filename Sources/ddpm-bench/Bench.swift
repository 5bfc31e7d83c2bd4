import ArgumentParser

/// Times the numerics alone: no job, no data set, no daemon.
@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ddpm-bench", abstract: "Time the numerics of ddpmd.",
    subcommands: [
      UNetBenchmark.self, ProfileBenchmark.self, OperationsBenchmark.self, Prediction.self,
    ])
}
