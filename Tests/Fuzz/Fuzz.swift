/// libFuzzer's driver around the readers of everything that comes from outside.
///
///     FUZZ_TARGET=png ddpm-fuzz [libFuzzer's arguments]
///
/// A target is one reader with its properties. Whatever the bytes are, it may refuse them or read
/// them; a crash, a property that does not hold, a hang, or memory out of proportion is a bug.
/// `scripts/fuzz` builds this with the sanitizers and sets the limit of memory. The target is named
/// by the environment because libFuzzer starts itself again with its own arguments.

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

/// Ends the process as a crash does when it has computed for so many seconds more;
/// 0 calls that off. Time on the wall, as libFuzzer measures it, passes on a busy machine as well.
private func allow(seconds: Int) {
  var timer = itimerval()
  timer.it_value.tv_sec = seconds
  unsafe setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
}

@main
struct Fuzz {
  static func main() {
    guard target != nil else {
      print("set FUZZ_TARGET to one of \(Target.allCases.map(\.rawValue))")
      exit(64)
    }
    signal(SIGPROF) { _ in
      let words: StaticString = "fuzz: the input takes too long\n"
      unsafe _ = write(STDERR_FILENO, words.utf8Start, words.utf8CodeUnitCount)
      abort()
    }
    var count = CommandLine.argc
    var arguments = unsafe CommandLine.unsafeArgv
    exit(
      unsafe runDriver(&count, &arguments) { bytes, count in
        allow(seconds: 5)
        defer { allow(seconds: 0) }
        target?.run(unsafe Array(UnsafeBufferPointer(start: bytes, count: count)))
        return 0
      })
  }
}
