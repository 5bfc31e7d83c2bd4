import Foundation
import Testing

/// Conventions that a reader relies on and the compiler does not check.
@Suite struct ConventionTests {
  /// The only files that may step outside Swift's concurrency checks, each with its reason inside.
  private let unchecked: Set = [
    "Sources/TensorCore/BackgroundThread.swift", "Sources/TensorCore/Kernels.swift",
    "Sources/TensorCore/Tensor.swift", "Sources/TensorCore/ThreadPool.swift",
    "Sources/TensorCore/Threads.swift",
  ]

  @Test func escapeHatchesStayInTheirPlaces() throws {
    for file in try Tree.files("Sources", [".swift"]) {
      let code = try Tree.text(file).split(separator: "\n").filter {
        !$0.trimmingCharacters(in: .whitespaces).hasPrefix("//")
      }.joined(separator: "\n")
      for word in ["import Dispatch", "try!", "fatalError(", "as! ", "nonisolated(unsafe)"] {
        #expect(!code.contains(word), "\(file) has \(word)")
      }
      if code.contains("@unchecked Sendable") { #expect(unchecked.contains(file), "\(file)") }
    }
  }

  @Test func filesArePublishedByDurableIOAlone() throws {
    for file in try Tree.files("Sources", [".swift"]) where !file.hasPrefix("Sources/DurableIO/") {
      let code = try Tree.text(file)
      for call in [
        " rename(", " renameat2(", " fsync(", " unlink(", "FileManager", ".write(to: URL",
      ] {
        #expect(!code.contains(call), "\(file) calls\(call)")
      }
    }
  }

  /// The programs and the package are of one version.
  @Test func thePackageHasTheProgramsVersion() throws {
    let program = try Tree.text("Sources/Jobs/Version.swift").firstMatch(of: /"([0-9.]+)"/)
    let package = try Tree.text("debian/changelog").firstMatch(of: /\(([0-9.]+)\)/)
    #expect(program != nil && program?.output.1 == package?.output.1)
  }

  /// Each invariant of docs/ARCHITECTURE.md, and each promise of docs/spool.md, names its test as
  /// `Suite.function`.
  @Test(arguments: ["docs/ARCHITECTURE.md", "docs/spool.md"])
  func documentedInvariantsHaveTheirTests(document: String) throws {
    let tests = try Tree.files("Tests", [".swift"]).map(Tree.text).joined(separator: "\n")
    let document = try Tree.text(document)
    let names = document.matches(of: /`([A-Z][A-Za-z0-9]*)\.([a-z][A-Za-z0-9]*)`/)
    #expect(names.count >= 10)
    for name in names {
      let (suite, function) = (name.output.1, name.output.2)
      #expect(tests.contains("struct \(suite) ") || tests.contains("enum \(suite) "), "\(suite)")
      #expect(tests.contains("func \(function)("), "\(suite).\(function)")
    }
  }
}
