import Foundation
import StrictJSON
import Testing

/// What is installed below /usr/share, as the script makes it from the programs.
@Suite(.timeLimit(.minutes(10))) struct ManualTests {
  private let temporary: TemporaryFolder
  private var folder: String { temporary.path + "/share" }
  private var pages: [String] {
    ["1/ddpmctl.1", "8/ddpmd.8", "5/ddpmd.conf.5", "5/ddpmd-job.5"].map {
      "\(folder)/man/man\($0)"
    }
  }

  init() throws {
    temporary = try TemporaryFolder()
    let (_, errors, code) = try Self.run(
      "\(Self.repository)/scripts/make-share", Self.programs, folder)
    try #require(code == 0, "\(errors)")
  }

  private static let repository = #filePath.split(separator: "/").dropLast(3)
    .reduce("") { "\($0)/\($1)" }
  private static let programs = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().path

  private static func run(
    _ program: String, _ arguments: String...
  ) throws -> (output: String, errors: String, code: Int32) {
    let process = Process()
    let (output, errors) = (Pipe(), Pipe())
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.environment = [
      "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "20000", "TERM": "dumb",
      "MANROFFOPT": "-rHY=0",
    ]
    (process.standardOutput, process.standardError) = (output, errors)
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    let complaints = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
      String(decoding: text, as: UTF8.self), String(decoding: complaints, as: UTF8.self),
      process.terminationStatus
    )
  }

  private func json(_ program: String, _ words: String...) throws -> JSONValue {
    let (output, _, _) = try Self.run("\(Self.programs)/\(program)", words.joined(separator: " "))
    return try JSONValue(parsing: Array(output.utf8))
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/mandoc")))
  func nothingIsWrongWithThePages() throws {
    for page in pages {
      #expect(try Self.run("man", "--warnings", "-E", "UTF-8", "-l", page).errors == "")
      // Ours are not installed yet.
      let findings = try Self.run("mandoc", "-T", "lint", page).output.split(separator: "\n")
        .filter { !$0.contains("referenced manual not found") }
      #expect(findings == [])
    }
  }

  /// As `man` shows them, every command, option and argument of `--help` has its place, with what
  /// is said of it, and so has every key of the configuration and of job files.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/man")))
  func thePagesSayAllThatTheProgramsSay() throws {
    let texts = try pages.map { try Self.run("man", "-l", $0).output }
    let words = texts.map {
      Set($0.split { $0.isWhitespace || ",[]".contains($0) }.map(String.init))
    }
    func expect(_ text: String?, on page: Int) {
      // man puts two spaces behind a sentence.
      guard let text else { return }
      let plain = texts[page].replacing(/\s+/, with: " ")
      #expect(plain.contains(text.replacing(/\s+/, with: " ")), "\(text)")
    }
    func look(_ command: JSONValue, on page: Int) {
      if command["commandName"] == "help" { return }
      #expect(words[page].contains(command["commandName"]?.string ?? "?"))
      if page == 0, command["superCommands"] != nil, command["subcommands"] == nil {
        expect(command["abstract"]?.string, on: page)
      }
      for paragraph in (command["discussion"]?.string ?? "").split(separator: "\n\n") {
        expect(String(paragraph), on: page)
      }
      for argument in command["arguments"]?.array ?? [] where argument["shouldDisplay"] == true {
        expect(argument["abstract"]?.string, on: page)
        for name in argument["names"]?.array ?? [] {
          let dashes = name["kind"] == "long" ? "--" : "-"
          #expect(words[page].contains(dashes + (name["name"]?.string ?? "?")), "\(name)")
        }
      }
      for command in command["subcommands"]?.array ?? [] { look(command, on: page) }
    }
    look(try #require(try json("ddpmctl", "--experimental-dump-help")["command"]), on: 0)
    look(try #require(try json("ddpmd", "--experimental-dump-help")["command"]), on: 1)

    let listing = try Self.run("\(Self.programs)/ddpmd", "--root", folder, "--check-config").output
    let settings = listing.split(separator: "\n").map { $0.split(separator: "=") }
    #expect(settings.count > 9)
    for setting in settings {
      let value = setting[1].prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)
      #expect(words[2].contains(setting[0].trimmingCharacters(in: .whitespaces)))
      expect("Default: \(value).", on: 2)
    }

    var keys = 0
    func look(_ schema: JSONValue, at path: String) {
      for (key, value) in schema["properties"]?.object?.members ?? [] {
        keys += 1
        if key != "kind" && key != "type" {
          #expect(texts[3].contains("\n" + path + key) || texts[3].contains(" " + path + key))
          expect(value["description"]?.string, on: 3)
        }
        look(value, at: path + key + ".")
        if let element = value["items"] { look(element, at: path + key + "[].") }
        for variant in value["oneOf"]?.array ?? [] { look(variant, at: path + key + ".") }
      }
    }
    for kind in try json("ddpmctl", "schema")["oneOf"]?.array ?? [] { look(kind, at: "") }
    #expect(keys > 100)
  }
}
