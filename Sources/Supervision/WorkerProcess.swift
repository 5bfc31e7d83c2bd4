// One worker: started, listened to, instructed, stopped, and reaped.
//
// The daemon's only thread starts it, and must be the one: the worker asks the kernel for a
// SIGTERM when its parent dies (PR_SET_PDEATHSIG), and the kernel means the parent *thread*; one
// of a pool that is retired when idle would stop a healthy worker.
//
// What the worker writes on standard output is read at most ten times a second: a worker that
// floods the pipe blocks itself and not the daemon. The end of the process is its end, even if
// something it left behind still holds the pipe; what is left of its process group is killed.

import CLinux
// Which of the modules that have it is said to define timespec differs from build to build.
import CSystemd
package import DurableIO
import Glibc
package import Jobs

/// A worker process, the leader of its own process group.
package final class WorkerProcess {
  package let processID: Int32
  /// Readable when the process has ended (pidfd_open(2)).
  let child: Int32
  /// The reading end of its standard output.
  let output: Int32
  /// The writing end of its standard input.
  private let input: Int32
  /// When its output may be read again; nil after the output's end.
  private(set) var listensFrom: ContinuousClock.Instant? = .now
  private var reader = MessageReader()
  /// What it had used when `hasWorked` was asked last.
  private var processorTime = Duration.zero

  /// What a worker says.
  package enum Report: Equatable, Sendable {
    case message(WorkerMessage)
    /// The first line that was no message, cut to a readable length.
    case nonsense(String)
  }

  /// Starts a worker.
  ///
  /// Throws: `SystemError` when the program cannot be started; then nothing is left of it.
  package init(_ request: SpawnRequest) throws(SystemError) {
    let words = try Pipe(for: request)
    let instructions: Pipe
    do throws(SystemError) {
      instructions = try Pipe(for: request)
    } catch {
      words.close()
      throw error
    }
    // The worker's ends block, as standard input and output should.
    _ = fcntl(words.writing, F_SETFL, 0)
    _ = fcntl(instructions.reading, F_SETFL, 0)
    do throws(SystemError) {
      processID = try spawn(request, input: instructions.reading, output: words.writing)
    } catch {
      words.close()
      instructions.close()
      throw error
    }
    close(words.writing)
    close(instructions.reading)
    child = pidfd_open(processID, 0)
    output = words.reading
    input = instructions.writing
    guard child >= 0 else {
      let code = errno
      _ = end()
      throw SystemError(operation: "watch", path: request.executable, code: code)
    }
  }

  deinit {
    close(output)
    close(input)
    if child >= 0 { close(child) }
  }

  /// Tells the worker something. One that reads nothing, and has let its pipe fill up, misses it.
  package func tell(_ instruction: WorkerInstruction) {
    let bytes = Array((instruction.line + "\n").utf8)
    unsafe _ = write(input, bytes, bytes.count)
  }

  /// Asks the worker to stop at the next step boundary.
  package func stop() { kill(processID, SIGTERM) }

  /// Whether it has used any processor time since the last call; the first time, since its start.
  func hasWorked() -> Bool {
    var clock = clockid_t()
    var time = timespec()
    // What cannot be found out is no reason to stop it.
    guard unsafe clock_getcpuclockid(processID, &clock) == 0,
      unsafe clock_gettime(clock, &time) == 0
    else { return true }
    let used = Duration.seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    defer { processorTime = used }
    return used > processorTime
  }

  /// Kills the worker and all it has started.
  package func killGroup() { kill(-processID, SIGKILL) }

  /// Reads what there is of its output.
  package func read() -> [Report] {
    let (reports, isOver) = reader.read(output)
    listensFrom = isOver ? nil : .now + .milliseconds(100)
    return reports
  }

  /// Reaps the worker, which has ended; the object is of no further use.
  ///
  /// Returns: what it had still said, and how it ended.
  package func end() -> ([Report], WorkerEnd) {
    // Its zombie still holds the process id: the group cannot be anybody else's.
    killGroup()
    var status: Int32 = 0
    while unsafe waitpid(processID, &status, 0) == -1, errno == EINTR {}
    var reports: [Report] = []
    // As much as a pipe holds by default, even if somebody goes on writing.
    for _ in 0..<16 {
      let (more, isOver) = reader.read(output)
      reports += more
      if isOver || more.isEmpty { break }
    }
    return (reports, WorkerEnd(waitStatus: status))
  }
}

extension WorkerEnd {
  /// From the status of wait(2): the signal in the lower 7 bits, the exit code in the next byte.
  package init(waitStatus status: Int32) {
    let signal = status & 0x7f
    self = signal == 0 ? .exited(code: status >> 8 & 0xff) : .killed(signal: signal)
  }
}

/// A pipe whose ends do not block and are no child's.
private struct Pipe {
  let reading: Int32
  let writing: Int32

  init(for request: SpawnRequest) throws(SystemError) {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe2(&ends, O_CLOEXEC | O_NONBLOCK) == 0 else {
      throw SystemError(operation: "make a pipe for", path: request.executable, code: errno)
    }
    (reading, writing) = (ends[0], ends[1])
  }

  func close() {
    Glibc.close(reading)
    Glibc.close(writing)
  }
}
