import Glibc
import Testing

/// Mistakes on purpose, one for each sanitizer, made only when `COUNTERSIGN_CANARY` names them. `Tests/sanitize.sh` makes each of them and
/// expects the report: a build of the sanitizer that does not see them sees nothing else.
@Suite("Sanitizer canaries")
struct SanitizerCanaryTests {
    private static func isWanted(_ name: String) -> Bool { getenv("COUNTERSIGN_CANARY").map { String(cString: $0) == name } ?? false }

    /// Shared without a lock. `@unchecked Sendable` is wrong here, which is the point.
    private final class Shared: @unchecked Sendable {
        var count = 0
    }

    @Test("Two threads add to a number without a lock", .enabled(if: isWanted("race")))
    func race() {
        let shared = Shared()
        let threads = (0..<2).map { _ in
            var thread = pthread_t()
            pthread_create(
                &thread, nil,
                { pointer in
                    guard let pointer else { return nil }
                    let shared = Unmanaged<Shared>.fromOpaque(pointer).takeUnretainedValue()
                    for _ in 0..<1000 { shared.count += 1 }
                    return nil
                }, Unmanaged.passUnretained(shared).toOpaque())
            return thread
        }
        for thread in threads { pthread_join(thread, nil) }
        #expect(shared.count > 0)
    }

    @Test("A byte behind the end of an allocation is read", .enabled(if: isWanted("overflow")))
    func overflow() {
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 8)
        bytes.initialize(repeating: 1, count: 8)
        defer { bytes.deallocate() }
        #expect((0...8).map { bytes[$0] }.count == 9)
    }

    @Test("Allocations are forgotten", .enabled(if: isWanted("leak")))
    func leak() {
        // Several, for the address of one may lie about on the stack.
        for _ in 0..<100 { UnsafeMutablePointer<UInt8>.allocate(capacity: 100).initialize(repeating: 1, count: 100) }
    }
}
