// ddpmd: takes jobs from a spool and runs them in worker processes. See ddpmd --help.
//
// Exit codes: 0 after an orderly stop; 64 for a wrong command line; 75 if another daemon serves
// the spool or the machine is at fault; 78 if the configuration or the installation is wrong.

import ArgumentParser
import DurableIO
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
      """, valueName: "dir"), completion: .directory)
  var root: String?

  @Option(
    help: ArgumentHelp(
      """
      Read the configuration from FILE and then from FILE.d/*.conf. Default: \
      \(standardConfiguration) for the machine's own spool, else none.
      """,
      valueName: "file"), completion: .file())
  var config: String?

  @Option(
    help: ArgumentHelp(
      """
      Set a key of the configuration, whatever its files and the environment (DDPMD_KEY=value) \
      say; may be repeated.
      """, valueName: "key=value"),
    completion: .list(
      // Without spaces, which fish would take for ends of words.
      ConfigurationKey.all.map { "\($0.name)=\($0.defaultValue)".filter { $0 != " " } }))
  var set: [String] = []

  @Option(
    help: ArgumentHelp(
      "The program that runs a job; by default ddpm-worker beside ddpmd.", valueName: "file"),
    completion: .file())
  var worker: String?

  @Flag(help: "Check the configuration, print every value and where it stands, and exit.")
  var checkConfig = false

  @Flag(help: "Print a configuration file that explains every key, and exit.")
  var defaultConfig = false

  func run() throws {
    if defaultConfig { return try output(Configuration.commentedFile) }
    let root = try findRoot()
    let source = configurationSource(isStandard: root == nil)
    let readAt = ReloadReport.now()
    let effective = try read(source)
    if checkConfig { return try output(effective.listing) }
    let configuration = effective.configuration
    let processors = availableProcessors()
    let log = Logger(label: "ddpmd") { _ in ServiceLog(logLevel: configuration.logLevel) }
    let layout = root.map { SpoolLayout(root: absolutePath($0)) } ?? .system
    var setup = SupervisorSetup(
      layout: layout, configuration: configuration, source: source, worker: try findWorker(),
      processors: processors, log: log)
    setup.readAt = readAt

    do {
      try Supervisor(setup, requests: try SignalRequests(hangupReloads: source.file != nil)).run()
    } catch {
      throw fail(75, "\(error)")
    }
  }

  private func output(_ text: String) throws {
    print(text, terminator: "")
    do {
      try StandardOutput.finish()
    } catch {
      throw fail(75, "\(error)")
    }
  }

  /// The folder to serve; nil for the machine's own spool.
  private func findRoot() throws -> String? {
    if root == "" { throw fail(64, "--root is empty; name the folder that the spool is to be in") }
    if let root { return root }
    guard let variable = unsafe getenv("DDPM_ROOT") else { return nil }
    let folder = unsafe String(cString: variable)
    return folder.isEmpty ? nil : folder
  }

  /// What the configuration is read from, and read again.
  ///
  /// - isStandard: whether the machine's configuration holds where no other is named.
  private func configurationSource(isStandard: Bool) -> ConfigurationSource {
    ConfigurationSource(
      file: config.map(absolutePath) ?? (isStandard ? standardConfiguration : nil),
      isRequired: config != nil, environment: processEnvironment(), assignments: set)
  }

  private func read(_ source: ConfigurationSource) throws -> EffectiveConfiguration {
    do {
      return try source.read()
    } catch {
      throw fail(78, "\(error)")
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
    return absolutePath(path)
  }

  private func fail(_ code: Int32, _ message: String) -> ExitCode {
    Logger(label: "ddpmd") { _ in ServiceLog(logLevel: .error) }.error("\(message)")
    return ExitCode(code)
  }
}

private let standardConfiguration = "/etc/ddpmd.conf"
