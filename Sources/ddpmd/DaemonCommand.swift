// ddpmd: takes jobs from a spool and runs them in worker processes. See ddpmd --help.
//
// Exit codes: 0 after an orderly stop; 64 for a wrong command line; 75 if another daemon serves
// the spool or the machine is at fault; 78 if the configuration or the installation is wrong.

import ArgumentParser
import Glibc
import Jobs
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
      The daemon stops on SIGTERM and SIGINT: running jobs write a checkpoint first and go on when \
      it is started again. A second signal, two seconds later or more, does not wait for them. On \
      SIGHUP it reads its configuration anew (see ddpmctl reload), or stops if it runs for --root \
      without --config.
      """,
    version: ddpmdVersion)

  @Option(
    help: ArgumentHelp(
      """
      Keep spool and state below DIR, for a daemon without privileges. Default: $DDPM_ROOT, \
      else the machine's own spool.
      """, valueName: "dir"))
  var root: String?

  @Option(
    help: ArgumentHelp(
      """
      Read the configuration from FILE. Default: \(standardConfiguration) for the machine's own \
      spool, else none.
      """,
      valueName: "file"))
  var config: String?

  @Option(help: "The program that runs a job; by default ddpm-worker beside ddpmd.")
  var worker: String?

  @Flag(help: "Check the configuration file and exit.")
  var checkConfig = false

  func run() throws {
    let root = try findRoot()
    let source = configurationSource(isStandard: root == nil)
    let configuration = try read(source)
    if checkConfig { return }
    let processors = availableProcessors()
    let log = Logger(label: "ddpmd") { _ in ServiceLog(logLevel: configuration.logLevel) }
    let layout = root.map { SpoolLayout(root: absolutePath($0)) } ?? .system
    let setup = SupervisorSetup(
      layout: layout, configuration: configuration, source: source, worker: try findWorker(),
      processors: processors, log: log)

    let supervisor: Supervisor
    do {
      supervisor = try Supervisor(
        setup, requests: try SignalRequests(hangupReloads: source != nil))
    } catch {
      throw fail(75, "\(error)")
    }
    log.info(
      "serving \(layout.spool) with \(configuration.maxWorkers) worker(s) on \(processors) processor(s)"
    )
    supervisor.run()
  }

  /// The folder to serve; nil for the machine's own spool.
  private func findRoot() throws -> String? {
    if root == "" { throw fail(64, "--root is empty; name the folder that the spool is to be in") }
    if let root { return root }
    guard let variable = unsafe getenv("DDPM_ROOT") else { return nil }
    let folder = unsafe String(cString: variable)
    return folder.isEmpty ? nil : folder
  }

  /// Where the configuration is read, and read again; nil: nowhere.
  ///
  /// - isStandard: whether the machine's configuration holds where no other is named.
  private func configurationSource(isStandard: Bool) -> ConfigurationSource? {
    guard config != nil || isStandard else { return nil }
    let isRequired = config != nil
    let file = config.map(absolutePath) ?? standardConfiguration
    return ConfigurationSource(file: file) { () throws(ConfigurationError) in
      try Configuration(file: file, isRequired: isRequired)
    }
  }

  private func read(_ source: ConfigurationSource?) throws -> Configuration {
    do throws(ConfigurationError) {
      return try source?.read() ?? Configuration()
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
