// ddpmd: takes jobs from a spool and runs them in worker processes. See ddpmd --help.
//
// Exit codes: 0 after an orderly stop; 64 for a wrong command line; 75 if another daemon serves
// the spool or the machine is at fault; 78 if the configuration or the installation is wrong.

import ArgumentParser
import Glibc
import Logging
import Spool
import Supervision

@main
struct DaemonCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ddpmd",
    abstract: "Trains diffusion models and draws images with them, job by job.",
    discussion: """
      Job files are taken from the spool's drop/ folder; ddpmctl submit puts them there. \
      The daemon stops on SIGTERM, SIGINT and SIGHUP: running jobs write a checkpoint first and \
      go on when it is started again. A second signal does not wait for them.
      """)

  @Option(help: "Keep spool and state below DIR, for a daemon without privileges.")
  var root: String?

  @Option(help: "Read the configuration from FILE; without --root from \(standardConfiguration).")
  var config: String?

  @Option(help: "The program that runs a job; by default ddpm-worker beside ddpmd.")
  var worker: String?

  @Flag(help: "Check the configuration file and exit.")
  var checkConfig = false

  func run() throws {
    let configuration = try readConfiguration()
    if checkConfig { return }
    let threads = configuration.threadsPerWorker(processors: availableProcessors())
    let log = Logger(label: "ddpmd") { _ in ServiceLog(logLevel: configuration.logLevel) }
    let layout = root.map { SpoolLayout(root: absolutePath($0)) } ?? .system
    let setup = SupervisorSetup(
      layout: layout, configuration: configuration, worker: try findWorker(), threads: threads,
      log: log)

    let supervisor: Supervisor
    do {
      supervisor = try Supervisor(setup, stops: try StopRequests())
    } catch {
      throw fail(75, "\(error)")
    }
    log.info(
      "serving \(layout.spool) with \(configuration.maxWorkers) worker(s) of \(threads) thread(s)")
    supervisor.run()
  }

  private func readConfiguration() throws -> Configuration {
    let isGiven = config != nil || root == nil
    guard isGiven else { return Configuration() }
    do {
      return try Configuration(file: config ?? standardConfiguration, isRequired: config != nil)
    } catch {
      throw fail(78, error.description)
    }
  }

  /// The worker's absolute path.
  private func findWorker() throws -> String {
    let directory = ownDirectory()
    let candidates =
      worker.map { [absolutePath($0)] }
      ?? [directory + "/ddpm-worker", directory + "/../libexec/ddpmd/ddpm-worker"]
    guard let path = candidates.first(where: { unsafe access($0, X_OK) == 0 }) else {
      throw fail(
        78, "no worker program at \(candidates.joined(separator: " or ")); name it with --worker")
    }
    return path
  }

  private func fail(_ code: Int32, _ message: String) -> ExitCode {
    Logger(label: "ddpmd") { _ in ServiceLog(logLevel: .error) }.error("\(message)")
    return ExitCode(code)
  }
}

private let standardConfiguration = "/etc/ddpmd.conf"
