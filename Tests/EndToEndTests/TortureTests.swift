import Testing

/// The short form of `make torture`: see docs/torture.md. The program itself ends what it waits for in
/// vain, and does not count time in which the machine stands still; the limits here are for its faults.
@Suite(.timeLimit(.minutes(60))) struct TortureTests {
  @Test func nothingIsLostUnderRandomKills() async throws {
    let folder = try TemporaryFolder()
    let torture = try Program(
      "ddpm-torture", ["--cycles", "30", "--seed", "9"], output: folder.path + "/output")
    #expect(try await torture.end(within: .seconds(3000)) == 0, "\(torture.text)")
  }
}
