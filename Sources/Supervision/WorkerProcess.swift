// One worker: started, listened to, stopped, and waited for.
//
// A thread of its own starts the worker and stays with it until it has ended. It must be the same
// thread: the worker asks the kernel for a SIGTERM when its parent dies (PR_SET_PDEATHSIG), and
// the kernel means the parent *thread*; one of a pool that is retired when idle would stop
// a healthy worker.
//
// What the worker writes on standard output is read line by line, at most ten times a second: a
// worker that floods the pipe blocks itself and not the daemon. Of the progress messages of one
// reading only the last is passed on. What is no message is counted, quoted once, and ignored.
// The end of the process is its end, even if something it left behind still holds the pipe;
// what is left of its process group is killed.

import CLinux
import Dispatch
package import DurableIO
import Glibc
package import Jobs
import Synchronization

/// A running worker process, the leader of its own process group.
package final class WorkerProcess: Sendable {
  package let processID: Int32
  /// False once the process id may belong to somebody else.
  private let isOurs = Mutex(true)

  /// What is heard of a worker, in order; `ended` is the last word.
  package enum Report: Sendable {
    case message(WorkerMessage)
    /// The first line that was no message, cut to a readable length.
    case nonsense(String)
    case ended(WorkerEnd)
  }

  private init(processID: Int32) { self.processID = processID }

  /// Starts a worker; `report` is called on the worker's own thread.
  ///
  /// Throws: `SystemError` when the program cannot be started; then `report` is never called.
  package static func start(
    _ request: SpawnRequest, report: @escaping @Sendable (Report) -> Void
  ) async throws(SystemError) -> WorkerProcess {
    let started: Result<WorkerProcess, SystemError> = await withCheckedContinuation { started in
      // A serial queue of its own has a thread of its own for as long as its block runs.
      DispatchQueue(label: "worker").async {
        do throws(SystemError) {
          let (worker, output) = try launch(request)
          started.resume(returning: .success(worker))
          worker.attend(output, report)
        } catch {
          started.resume(returning: .failure(error))
        }
      }
    }
    return try started.get()
  }

  /// Asks the worker to stop at the next step boundary.
  package func stop() { send(SIGTERM, to: processID) }

  /// Kills the worker and all it has started.
  package func killGroup() { send(SIGKILL, to: -processID) }

  private func send(_ signal: Int32, to target: Int32) {
    isOurs.withLock { if $0 { kill(target, signal) } }
  }

  /// Starts the process; returns it with the reading end of its standard output.
  private static func launch(
    _ request: SpawnRequest
  ) throws(SystemError) -> (WorkerProcess, output: Int32) {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe2(&ends, O_CLOEXEC | O_NONBLOCK) == 0 else {
      throw SystemError(operation: "make a pipe for", path: request.executable, code: errno)
    }
    // The worker's end blocks, as standard output should.
    _ = fcntl(ends[1], F_SETFL, 0)
    defer { close(ends[1]) }
    do throws(SystemError) {
      return (WorkerProcess(processID: try spawn(request, output: ends[1])), ends[0])
    } catch {
      close(ends[0])
      throw error
    }
  }

  /// Stays with the worker until it has ended, and reaps it.
  private func attend(_ output: Int32, _ report: (Report) -> Void) {
    // Fails only without descriptors or memory to spare; then the pipe's end has to do.
    let child = pidfd_open(processID, 0)
    var reader = MessageReader(descriptor: output)
    var listens = true
    var ended = false
    while listens && !ended {
      (listens, ended) = wait(for: output, and: child, milliseconds: -1)
      if listens && !ended {
        listens = reader.read(report)
        (_, ended) = wait(for: -1, and: child, milliseconds: 100)
      }
    }
    var information = unsafe siginfo_t()
    while unsafe waitid(P_PID, id_t(processID), &information, WEXITED | WNOWAIT) == -1,
      errno == EINTR
    {}
    // Its zombie still holds the process id: the group cannot be anybody else's.
    killGroup()
    reader.finish(report)
    var status: Int32 = 0
    isOurs.withLock { isOurs in
      while unsafe waitpid(processID, &status, 0) == -1, errno == EINTR {}
      isOurs = false
    }
    close(output)
    if child >= 0 { close(child) }
    report(.ended(WorkerEnd(waitStatus: status)))
  }

  /// Waits for something to read and for the end of the worker; says which of them came.
  private func wait(
    for output: Int32, and child: Int32, milliseconds: Int32
  ) -> (output: Bool, child: Bool) {
    // poll(2) takes no notice of negative descriptors.
    var polled = [
      pollfd(fd: output, events: Int16(POLLIN), revents: 0),
      pollfd(fd: child, events: Int16(POLLIN), revents: 0),
    ]
    while unsafe poll(&polled, nfds_t(polled.count), milliseconds) == -1, errno == EINTR {}
    return (polled[0].revents != 0, polled[1].revents != 0)
  }
}

extension WorkerEnd {
  /// From the status of wait(2): the signal in the lower 7 bits, the exit code in the next byte.
  fileprivate init(waitStatus status: Int32) {
    let signal = status & 0x7f
    self = signal == 0 ? .exited(code: status >> 8 & 0xff) : .killed(signal: signal)
  }
}
