import GatewayCore
import Glibc

/// `credential_process`: a program that prints credentials as JSON, version 1 (AWS SDKs and Tools reference, "Process credential provider").
enum CredentialProcess {
    private static let timeoutMilliseconds: UInt64 = 60_000
    private static let outputByteLimit = 1 << 20

    /// Run by `/bin/sh -c`, as the reference has it run by the system's shell. Its standard error is thrown away: it may hold anything.
    static func run(_ command: String, isCancelled: () -> Bool) throws(CredentialFailure) -> CredentialGrant {
        let source = "the credential_process" + (program(of: command).map { " " + $0 } ?? "")
        let output = try output(of: command, source, isCancelled)
        var document = try CredentialDocument.parse(output, from: source)
        // Words of metadata services; here they would be a program's output, which is never told.
        document.code = nil
        guard document.version == 1 else { throw CredentialFailure("\(source) gave no \"Version\": 1") }
        var grant = try document.grant(from: source)
        // Without an end they are asked for again now and then; the program decides how long it keeps them.
        if grant.expiresAt == nil { grant.recheck = 15 * 60 * 1000 }
        return grant
    }

    /// What a command of the shell runs, for messages: its first word, without the arguments, which may hold secrets. nil where that word is
    /// no plain name of a file: an assignment, a substitution.
    static func program(of command: String) -> String? {
        let text = command.drop { $0 == " " || $0 == "\t" }
        let word: Substring
        if let quote = text.first, quote == "\"" || quote == "'" {
            let rest = text.dropFirst()
            word = rest.prefix { $0 != quote }
            // Not where more is glued to it.
            guard rest.count > word.count, rest.dropFirst(word.count + 1).first.map({ $0 == " " || $0 == "\t" }) ?? true else { return nil }
        } else {
            word = text.prefix { $0 != " " && $0 != "\t" }
        }
        let isPlain = word.unicodeScalars.allSatisfy {
            switch $0 {
            case "a"..."z", "A"..."Z", "0"..."9", "/", ".", "_", "-", "+", "@", " ": true
            default: false
            }
        }
        return isPlain && !word.isEmpty ? String(word) : nil
    }

    private static func output(of command: String, _ source: String, _ isCancelled: () -> Bool) throws(CredentialFailure) -> [UInt8] {
        var ends: (Int32, Int32) = (-1, -1)
        let isMade = withUnsafeMutableBytes(of: &ends) { bytes in
            bytes.withMemoryRebound(to: Int32.self) { pipe($0.baseAddress) == 0 }
        }
        guard isMade else { throw CredentialFailure("\(source): \(String(cString: strerror(errno)))") }
        for end in [ends.0, ends.1] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends.0) }
        let child: pid_t
        do {
            defer { close(ends.1) }
            child = try spawn(command, output: ends.1, source)
        }
        _ = fcntl(ends.0, F_SETFL, O_NONBLOCK)
        var bytes: [UInt8] = []
        let deadline = AuditInbox.milliseconds() + timeoutMilliseconds
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(ends.0, &buffer, buffer.count)
            if count > 0 { bytes.append(contentsOf: buffer[..<count]) }
            if count == 0 { break }
            let isLate = isCancelled() || AuditInbox.milliseconds() >= deadline || bytes.count > outputByteLimit
            if isLate || count < 0 && errno != EAGAIN && errno != EINTR {
                // The group, so that what the shell has started ends, too.
                kill(-child, SIGKILL)
                waitpid(child, nil, 0)
                throw CredentialFailure("\(source) did not end in time")
            }
            if count < 0 {
                var wait = pollfd(fd: ends.0, events: Int16(POLLIN), revents: 0)
                poll(&wait, 1, 100)
            }
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        // WIFEXITED and WEXITSTATUS of wait(2).
        guard status & 0x7F == 0, status >> 8 & 0xFF == 0 else {
            throw CredentialFailure("\(source) failed (status \(status >> 8 & 0xFF)): run it by hand to see why")
        }
        return bytes
    }

    private static func spawn(_ command: String, output: Int32, _ source: String) throws(CredentialFailure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals are blocked on this thread, and a child would inherit that.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETPGROUP))
        var arguments: [UnsafeMutablePointer<CChar>?] = ["sh", "-c", command].map { (text: String) in strdup(text) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var child = pid_t()
        let code = posix_spawn(&child, "/bin/sh", &actions, &attributes, &arguments, environ)
        guard code == 0 else { throw CredentialFailure("\(source): \(String(cString: strerror(code)))") }
        return child
    }
}
