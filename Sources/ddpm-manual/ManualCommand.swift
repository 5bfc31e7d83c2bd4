// ddpm-manual: writes the manual pages when ddpmd is built; it is not installed.
//
//     ddpm-manual TEMPLATE --programs DIR --date DATE
//
// A template is a page in mdoc(7) in which lines `.\" @WHAT` stand for what the programs say of
// themselves, so that the pages say the same as --help, ddpmd.conf and the schema of job files. The
// page goes to standard output.

import ArgumentParser
import DurableIO
import Glibc
import Jobs
import StrictJSON
import Supervision

@main
struct ManualCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ddpm-manual", abstract: "Write a manual page of ddpmd.")

  @Argument(help: "The page, with lines .\\\" @WHAT for what is generated.")
  var template: String

  @Option(help: "The folder of the programs.")
  var programs: String

  @Option(help: "The date on the page, as \"November 1, 2026\".")
  var date: String

  func run() throws {
    let text = String(decoding: try readFile(template), as: UTF8.self)
    for line in text.split(separator: "\n") {
      print(line == ".Dd" ? ".Dd \(date)" : try generated(line) ?? String(line))
    }
  }

  /// What stands for a line of a template; nil for a line that stands for itself.
  private func generated(_ line: Substring) throws -> String? {
    let words = line.split(separator: " ").map(String.init)
    guard words.count >= 2, words[0] == #".\""#, words[1].hasPrefix("@") else { return nil }
    switch (words[1], words.dropFirst(2).first) {
    case ("@name", let program?): return try page(program).name
    case ("@description", let program?): return try page(program).description
    case ("@options", let program?): return try page(program).options
    case ("@commands", let program?): return try page(program).commands
    case ("@exit-status", let program?): return try page(program).exitStatus
    case ("@keys", nil): return configurationKeys()
    case ("@job-file", nil): return JobFilePage(JobSpec.schemaDocument).text
    default: throw ValidationError("\(template): \(line): there is nothing of this name")
    }
  }

  private func page(_ program: String) throws -> CommandPage {
    let path = "\(programs)/\(program)"
    return CommandPage(
      try JSONValue(parsing: Array(read(path, "--experimental-dump-help").utf8)),
      help: try read(path, "--help"))
  }

  /// What a program prints.
  private func read(_ program: String, _ argument: String) throws -> String {
    guard let pipe = unsafe popen("'\(program)' '\(argument)'", "r") else {
      throw ValidationError("\(program) could not be started")
    }
    var bytes: [UInt8] = []
    while case let byte = unsafe getc(pipe), byte != EOF { bytes.append(UInt8(byte)) }
    guard unsafe pclose(pipe) == 0 else { throw ValidationError("\(program) \(argument) failed") }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// The keys of the daemon's configuration, an item of a list each.
private func configurationKeys() -> String {
  ConfigurationKey.documented.map { key in
    """
    .It Cm \(key.name)
    \(mdoc(key.summary))
    \(mdoc("Allowed: \(key.allowed). Default: \(key.defaultValue)."))
    """
  }.joined(separator: "\n")
}
