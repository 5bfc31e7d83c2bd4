import Testing

/// The short form of `make torture`: see docs/torture.md.
@Suite(.timeLimit(.minutes(10))) struct TortureTests {
  @Test func nothingIsLostUnderRandomKills() async throws {
    let folder = try TemporaryFolder()
    let torture = try Program(
      "ddpm-torture", ["--cycles", "30", "--seed", "7"], output: folder.path + "/output")
    #expect(try await torture.end(within: .seconds(300)) == 0, "\(torture.text)")
  }
}
