/// libFuzzer's driver around the readers of everything that comes from outside.
///
///     FUZZ_TARGET=png ddpm-fuzz [libFuzzer's arguments]
///
/// A target is one reader with its properties. Whatever the bytes are, it may refuse them or read
/// them; a crash, a property that does not hold, a hang, or memory out of proportion is a bug.
/// `scripts/fuzz` builds this with the sanitizers and sets those limits. The target is named by the
/// environment because libFuzzer starts itself again with its own arguments.

import Glibc

/// libFuzzer's own `main`, without the symbol.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

private let target = unsafe getenv("FUZZ_TARGET").flatMap {
  Target(rawValue: unsafe String(cString: $0))
}

@main
struct Fuzz {
  static func main() {
    guard target != nil else {
      print("set FUZZ_TARGET to one of \(Target.allCases.map(\.rawValue))")
      exit(64)
    }
    var count = CommandLine.argc
    var arguments = unsafe CommandLine.unsafeArgv
    exit(
      unsafe runDriver(&count, &arguments) { bytes, count in
        target?.run(unsafe Array(UnsafeBufferPointer(start: bytes, count: count)))
        return 0
      })
  }
}
