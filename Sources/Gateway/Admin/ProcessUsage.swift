import Glibc

/// What the kernel says about this process.
struct ProcessUsage: Sendable, Equatable {
    var residentBytes: UInt64 = 0
    var virtualBytes: UInt64 = 0
    var openDescriptors: UInt64 = 0
    var mostDescriptors: UInt64 = 0
    var cpuSeconds: Double = 0

    /// proc_pid_statm(5), getrlimit(2), getrusage(2). What cannot be had stays 0.
    static func now() -> ProcessUsage {
        var usage = ProcessUsage()
        let page = UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
        let pages = text(of: "/proc/self/statm").split(separator: " ").prefix(2).compactMap { UInt64($0) }
        if pages.count == 2 { (usage.virtualBytes, usage.residentBytes) = (pages[0] * page, pages[1] * page) }
        if let folder = opendir("/proc/self/fd") {
            // `.`, `..` and the folder itself.
            var count = -3
            while readdir(folder) != nil { count += 1 }
            closedir(folder)
            usage.openDescriptors = UInt64(max(0, count))
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 { usage.mostDescriptors = UInt64(limit.rlim_cur) }
        var times = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &times) == 0 {
            usage.cpuSeconds =
                Double(times.ru_utime.tv_sec + times.ru_stime.tv_sec) + Double(times.ru_utime.tv_usec + times.ru_stime.tv_usec) / 1e6
        }
        return usage
    }

    private static func text(of path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
