import Foundation
import Glibc
import Jobs
import Testing

/// ddpmd itself, with signals, deaths and a service manager; a script stands in for the worker.
@Suite(.timeLimit(.minutes(10))) struct DaemonTests {
  @Test func theServiceManagerHearsOfItsLife() async throws {
    let folder = try TemporaryFolder()
    try folder.write("worker", worker, mode: 0o755)
    let socket = try NotifySocket(folder.path + "/notify")
    let daemon = try start(
      folder, environment: ["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "200000"])
    var messages: [String] = []
    try await until("it is ready") {
      messages += socket.received()
      return messages.contains("READY=1")
    }
    try folder.write("spool/drop/job.json", job)
    let status = "STATUS=sample shirts (job 1) image 3/64"
    try await until("status and watchdog are heard") {
      messages += socket.received()
      return messages.contains(status) && messages.contains("WATCHDOG=1")
    }
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
    messages += socket.received()
    #expect(messages.contains("STOPPING=1"))
    #expect(messages.contains("EXTEND_TIMEOUT_USEC=30000000"))
    // Behind the last status the watchdog may still be fed.
    #expect(messages.last { $0.hasPrefix("STATUS=") }?.hasPrefix("STATUS=stopping") == true)
    #expect(folder.exists("lib/queue/queued/1"), "the stopped job goes on with the next daemon")
    #expect(try folder.text("lib/jobs/1/environment").contains("NOTIFY_SOCKET") == false)
  }

  /// `ddpmctl reload` ends when the daemon does what the configuration says, and says what that is.
  @Test func theConfigurationIsReadAnewAndTheAnswerWaitedFor() async throws {
    let folder = try TemporaryFolder()
    try folder.write("worker", worker, mode: 0o755)
    try folder.write("conf", "stop_grace = 5 s\n")
    let socket = try NotifySocket(folder.path + "/notify")
    let daemon = try start(
      folder, ["--config", folder.path + "/conf"], environment: ["NOTIFY_SOCKET": socket.path])
    try await until("it serves") { socket.received().contains("STATUS=idle") }
    func reload() async throws -> (code: Int32, text: String) {
      let reload = try Program(
        "ddpmctl", ["reload", "--root", folder.path], output: folder.path + "/reload")
      return (try await reload.end(), reload.text)
    }
    try folder.write("conf", "stop_grace = 2 min\n")
    #expect(try await reload() == (0, "stop_grace is 2 min, and was 5 s\n"))
    let messages = socket.received()
    #expect(messages.first?.wholeMatch(of: /RELOADING=1\nMONOTONIC_USEC=[0-9]+/) != nil)
    #expect(messages.dropFirst().first == "READY=1")
    #expect(
      try await reload() == (
        0, "nothing has changed in \(folder.path)/conf and \(folder.path)/conf.d\n"
      ))

    try folder.write("conf", "stop_grace = soon\n")
    let refused = try await reload()
    #expect(refused.code == 78)
    #expect(refused.text.hasPrefix("ddpmctl: \(folder.path)/conf:1: stop_grace is \"soon\""))
    #expect(refused.text.hasSuffix("ddpmctl: ddpmd goes on as before\n"))
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
    let late = try await reload()
    #expect(late.code == 1 && late.text.contains("ddpmd is not running"))
  }

  /// Without a configuration SIGHUP is the terminal's end, which `ddpmctl reload` must not cause.
  @Test func aDaemonWithoutAConfigurationIsNotReloaded() async throws {
    let folder = try TemporaryFolder()
    try folder.write("worker", worker, mode: 0o755)
    let daemon = try start(folder)
    try await until("it serves") { daemon.text.contains("serving") }
    let reload = try Program(
      "ddpmctl", ["reload", "--root", folder.path], output: folder.path + "/reload")
    #expect(try await reload.end() == 1)
    #expect(reload.text.contains("this ddpmd has no configuration file"))
    daemon.send(SIGHUP)
    #expect(try await daemon.end() == 0)
  }

  /// The daemon dies by SIGKILL and its worker lives on: the next daemon has it stop first.
  @Test func aKilledDaemonsWorkerIsWaitedFor() async throws {
    let folder = try TemporaryFolder()
    try folder.write("worker", worker, mode: 0o755)
    let first = try start(folder)
    try await until("there is a spool") { folder.exists("spool/drop") }
    try folder.write("spool/drop/job.json", job)
    try await until("the worker is up") { isUp(folder) }
    first.send(SIGKILL)
    #expect(try await first.end() == -SIGKILL)
    let second = try start(folder)
    try await until("the worker is up again") {
      try folder.text("lib/jobs/1/runs").split(separator: "\n").count == 3
    }
    // The orphan ended before the next worker came: the lock saw to it.
    #expect(try folder.text("lib/jobs/1/runs") == "begin\nend\nbegin\n")
    second.send(SIGINT)
    #expect(try await second.end() == 0)
  }

  /// The time that an earlier daemon's worker has run is that of its process, whatever the system's
  /// clock was set to meanwhile.
  @Test func aClockThatIsSetTakesNoTimeFromAJob() async throws {
    let folder = try TemporaryFolder()
    try folder.write("worker", worker, mode: 0o755)
    let first = try start(folder)
    try await until("there is a spool") { folder.exists("spool/drop") }
    try folder.write(
      "spool/drop/job.json",
      job.replacing("\"seed\"", with: "\"queue\": {\"time_limit\": \"1h\"}, \"seed\""))
    try await until("the worker is up") { isUp(folder) }
    first.send(SIGKILL)
    #expect(try await first.end() == -SIGKILL)
    let entry = try folder.text("lib/queue/running/1")
    let started = try #require(entry.firstMatch(of: /"started": ?"[0-9]{4}/)).output
    try folder.write(
      "lib/queue/running/1", entry.replacing(started, with: "\"started\": \"2001"))
    let second = try start(folder)
    try await until("the worker is up again") {
      try folder.text("lib/jobs/1/runs") == "begin\nend\nbegin\n"
    }
    let ran = try folder.text("lib/queue/running/1").firstMatch(of: /"seconds_run": ?([0-9]+)/)
    let seconds = try #require(ran).output.1
    #expect(seconds.count < 4, "no hour: \(seconds) s")
    second.send(SIGTERM)
    #expect(try await second.end() == 0)
  }

  /// Ctrl-C reaches the daemon from the terminal, and a SIGTERM from the script it runs in.
  @Test func twoSignalsOfOneStopLeaveTheWorkerItsTime() async throws {
    let folder = try TemporaryFolder()
    try folder.write("worker", worker, mode: 0o755)
    let daemon = try start(folder)
    try await until("there is a spool") { folder.exists("spool/drop") }
    try folder.write("spool/drop/job.json", job)
    try await until("the worker is up") { isUp(folder) }
    daemon.send(SIGINT)
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
    #expect(try folder.text("lib/jobs/1/runs") == "begin\nend\n")
    #expect(daemon.text.contains("killed") == false)
  }

  @Test func theRootIsNamedByOptionOrEnvironment() async throws {
    let folder = try TemporaryFolder()
    try folder.write("worker", worker, mode: 0o755)
    let output = folder.path + "/output"
    let daemon = try Program(
      "ddpmd", ["--worker", folder.path + "/worker"], environment: ["DDPM_ROOT": folder.path],
      output: output)
    try await until("it serves") { daemon.text.contains("serving \(folder.path)/spool") }
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)

    let empty = try Program("ddpmd", ["--root", ""], output: output)
    #expect(try await empty.end() == 64)
    #expect(empty.text.hasPrefix("ddpmd: error: --root is empty; name the folder"))

    let impossible = try Program(
      "ddpmd", ["--root", "/proc/ddpmd", "--worker", folder.path + "/worker"], output: output)
    #expect(try await impossible.end() == 75)
    #expect(
      impossible.text == "ddpmd: error: cannot make the directory /proc/ddpmd: "
        + "No such file or directory\n")
  }

  @Test func itSaysItsVersion() async throws {
    let folder = try TemporaryFolder()
    let daemon = try Program("ddpmd", ["--version"], output: folder.path + "/output")
    #expect(try await daemon.end() == 0)
    #expect(daemon.text == ddpmdVersion + "\n")
  }

  @Test func aWrongConfigurationIsNamedByFileAndLine() async throws {
    let folder = try TemporaryFolder()
    try folder.write("conf", "max_workers = 1\nthreads = many\n")
    for arguments in [["--check-config"], ["--root", folder.path]] {
      let daemon = try Program(
        "ddpmd", arguments + ["--config", folder.path + "/conf"], output: folder.path + "/output")
      #expect(try await daemon.end() == 78)
      #expect(daemon.text.contains("\(folder.path)/conf:2: threads is \"many\"; allowed: auto"))
    }
    try folder.write("conf", "max_workers = 1\n")
    let daemon = try Program(
      "ddpmd", ["--check-config", "--config", folder.path + "/conf", "--set", "threads=3"],
      environment: ["DDPMD_STOP_GRACE": "5 s"], output: folder.path + "/output")
    #expect(try await daemon.end() == 0)
    let lines = daemon.text.split(separator: "\n")
    for (setting, place) in [
      ("max_workers = 1", "\(folder.path)/conf:1"), ("threads = 3", "--set"),
      ("stop_grace = 5 s", "DDPMD_STOP_GRACE in the environment"), ("log_level = info", "default"),
    ] {
      #expect(lines.contains { $0.hasPrefix(setting + " ") && $0.hasSuffix(" # \(place)") })
    }
  }

  @Test func aSecondDaemonLeavesTheFirstAlone() async throws {
    let folder = try TemporaryFolder()
    try folder.write("worker", worker, mode: 0o755)
    let first = try start(folder)
    try await until("it serves") { first.text.contains("serving") }
    // No pool of threads whose upkeep would wake it: see Supervisor.
    let status = try String(contentsOfFile: "/proc/\(first.processID)/status", encoding: .utf8)
    #expect(status.contains("Threads:\t1\n"))
    let second = try Program(
      "ddpmd", ["--root", folder.path, "--worker", folder.path + "/worker"],
      output: folder.path + "/second")
    #expect(try await second.end() == 75)
    #expect(second.text.contains("another ddpmd (process \(first.processID))"))
    first.send(SIGHUP)
    #expect(try await first.end() == 0)
  }

  @Test func aMissingWorkerIsSaidAtOnce() async throws {
    let folder = try TemporaryFolder()
    let daemon = try start(folder)
    #expect(try await daemon.end() == 78)
    #expect(daemon.text.contains("no worker program at \(folder.path)/worker"))
  }

  private func start(
    _ folder: TemporaryFolder, _ options: [String] = [], environment: [String: String] = [:]
  ) throws -> Program {
    try Program(
      "ddpmd", ["--root", folder.path, "--worker", folder.path + "/worker"] + options,
      environment: environment, output: folder.path + "/output")
  }

  /// Whether job 1 runs for the first time, and can be stopped.
  private func isUp(_ folder: TemporaryFolder) -> Bool {
    (try? folder.text("lib/jobs/1/runs")) == "begin\n"
  }

  private let job = """
    {"schema": "ddpm.job/1", "kind": "sample", "name": "shirts", "seed": 1, "count": 64,
     "model": {"path": "/model"}}
    """

  /// Holds the job's lock, as a worker does, with an open-file-description lock; works until it is
  /// asked to stop, and writes down when it begins and ends.
  private let worker = #"""
    #!/usr/bin/perl
    use IO::Handle;
    my $job = $ARGV[0];
    open(my $lock, '+>', "$job/lock") or die;
    my $request = pack('s s x4 q q i x4', 1, 0, 0, 0, 0);
    fcntl($lock, 37, $request) or exit 75;
    syswrite($lock, "$$\n");
    open(my $environment, '>', "$job/environment") or die;
    print $environment join("\n", %ENV);
    close($environment);
    my $runs;
    $SIG{TERM} = sub { select(undef, undef, undef, 0.1); syswrite($runs, "end\n"); exit 75 };
    $SIG{PIPE} = 'IGNORE';
    open($runs, '>>', "$job/runs") or die;
    syswrite($runs, "begin\n");
    syswrite(STDOUT, qq({"progress": {"step": 3, "steps": 64}}\n));
    sleep 1 while 1;
    """#
}
