import Glibc

/// How many files, and so connections, this process may have open.
enum OpenFiles {
    /// Takes as many as the system allows (RLIMIT_NOFILE of getrlimit(2)): shells and service managers start programs with a soft limit of
    /// about a thousand, made for select(2), which nothing here uses.
    static func allowAll() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
