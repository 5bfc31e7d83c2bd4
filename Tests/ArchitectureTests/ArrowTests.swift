import Foundation
import Testing

/// The arrows between the modules: what docs/ARCHITECTURE.md says, what the sources import, and what
/// the daemon is linked with.
@Suite struct ArrowTests {
  let numerics: Set = [
    "CKernels", "TensorCore", "TensorFiles", "Models", "Diffusion", "ModelFiles",
    "Images", "Datasets", "Training",
  ]
  let jobs: Set = ["Jobs", "Spool", "Supervision", "JobRunner"]

  /// Rows `| module | imports | … |` of the document's table of modules.
  private func documented() throws -> [String: Set<String>] {
    var table: [String: Set<String>] = [:]
    for line in try Tree.text("docs/ARCHITECTURE.md").split(separator: "\n") {
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count >= 4, cells[1].hasPrefix("`"), cells[1].hasSuffix("`") else { continue }
      let names = { (cell: String) in
        cell.split(separator: ",").map {
          $0.trimmingCharacters(in: CharacterSet(charactersIn: " `"))
        }
      }
      for module in names(cells[1]) {
        table[module] = Set(names(cells[2]).filter { !$0.isEmpty && $0 != "—" })
      }
    }
    return table
  }

  @Test func documentedArrowsAreTheImports() throws {
    let imports = try Tree.imports()
    let documented = try documented()
    #expect(Set(documented.keys) == Set(imports.keys))
    for (module, names) in imports { #expect(documented[module] == names, "\(module)") }
  }

  @Test func daemonReachesNoNumerics() throws {
    let imports = try Tree.imports()
    #expect(Tree.reach("ddpmd", imports).isDisjoint(with: numerics))
    #expect(Tree.reach("ddpmd", imports).contains("Spool"))
  }

  @Test func numericsKnowNoJobs() throws {
    let imports = try Tree.imports()
    for module in numerics {
      #expect(Tree.reach(module, imports).isDisjoint(with: jobs), "\(module)")
    }
  }

  @Test func diffusionKnowsNoNetwork() throws {
    #expect(!Tree.reach("Diffusion", try Tree.imports()).contains("Models"))
  }

  /// The proof on the binary: none of the libraries that jobs compute with is loaded by the daemon.
  @Test func daemonLinksNoNumerics() throws {
    let libraries = try neededLibraries(of: "ddpmd")
    #expect(libraries.contains { $0.hasPrefix("libsystemd") })
    for name in ["png", "turbojpeg"] {
      #expect(!libraries.contains { $0.contains(name) }, "ddpmd loads \(name)")
    }
    #expect(try neededLibraries(of: "ddpm-worker").contains { $0.contains("libpng") })
  }

  private func neededLibraries(of program: String) throws -> [String] {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/readelf")
    process.arguments = ["-d", Tree.root.appending(path: ".build/debug/\(program)").path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return output.split(separator: "\n").filter { $0.contains("(NEEDED)") }
      .compactMap { $0.split(separator: "[").last.map { String($0.dropLast()) } }
  }
}
