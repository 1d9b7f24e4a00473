import Glibc

/// Runs one pure part of the gateway over and over and says what it cost.
///
///     Costs NAME ITERATIONS     prints {"nanoseconds":…,"bytes":…} for one iteration
///     Costs list                prints the names
@main
struct Costs {
    static func main() throws {
        let arguments = CommandLine.arguments
        let parts = try Part.all()
        if arguments.count == 2, arguments[1] == "list" {
            for part in parts { print(part.name) }
        } else if arguments.count == 3, let part = parts.first(where: { $0.name == arguments[1] }), let count = Int(arguments[2]), count > 0
        {
            measure(part, count)
        } else {
            end("usage: Costs NAME ITERATIONS | Costs list", exitCode: 64)
        }
    }

    private static func measure(_ part: Part, _ count: Int) {
        // Caches, branch predictors and the allocator settle first.
        part.run(count / 10 + 1)
        let start = processorNanoseconds()
        part.run(count)
        let spent = processorNanoseconds() - start
        print("{\"nanoseconds\":\(Double(spent) / Double(count)),\"bytes\":\(part.bytes)}")
    }

    /// Processor time of this thread: what others do on the machine does not count.
    private static func processorNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// One pure part.
struct Part {
    let name: String
    /// What one iteration reads, where a throughput means something; else 0.
    var bytes = 0
    /// Does it so many times.
    let run: (Int) -> Void

    static func all() throws -> [Part] {
        try RequestParts.all() + AuditParts.all()
    }
}

/// Keeps the optimiser from leaving out work whose result nobody uses.
@inline(never)
func consume<Value>(_ value: Value) { withExtendedLifetime(value) {} }

/// A part that did not do its work would look cheap.
func fail(_ what: String) -> Never { end("Costs: \(what)", exitCode: 70) }

private func end(_ message: String, exitCode: Int32) -> Never {
    let line = Array("\(message)\n".utf8)
    _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(exitCode)
}
