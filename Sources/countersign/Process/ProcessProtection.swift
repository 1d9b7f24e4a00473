import ArgumentParser
import Digests
import Glibc
import Logging

/// Keeps the keys of this process in this process. Every command that holds keys takes it first, before it reads one.
struct ProcessProtection: ParsableArguments {
    @Flag(
        name: .customLong("allow-core-dumps"),
        help: "Let a crash leave a core dump, and let a debugger of the same user attach. A dump may hold what callers send and receive.")
    var allowsCoreDumps = false

    /// No core dumps, nobody of the same user looks into the memory (PR_SET_DUMPABLE of prctl(2)), keys in locked memory.
    /// Returns what the system refused, for the log.
    static func keepKeys(allowsCoreDumps: Bool) -> [String] {
        var refused: [String] = []
        if !allowsCoreDumps {
            var none = rlimit(rlim_cur: 0, rlim_max: 0)
            if setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none) != 0 { refused.append("core dumps cannot be switched off") }
            if !SecretMemory.closeToOthers() { refused.append("other processes of this user can read this one's memory") }
        }
        switch SecretMemory.prepare() {
        case .locked: break
        case .unlocked:
            refused.append("keys cannot be locked into memory and may be swapped out: raise RLIMIT_MEMLOCK to 8 MiB (LimitMEMLOCK=8M)")
        case .none: refused.append("keys lie in ordinary memory: libcrypto gives no secure heap")
        }
        return refused
    }

    func apply(logger: Logger) {
        for sentence in Self.keepKeys(allowsCoreDumps: allowsCoreDumps) {
            logger.warning("memory of keys", metadata: ["cause": .string(sentence)])
        }
    }
}
