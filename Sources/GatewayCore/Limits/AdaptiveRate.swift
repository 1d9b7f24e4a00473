/// How fast an upstream may be asked, by the AWS SDKs' adaptive rule: CUBIC (RFC 9438) on a request rate instead of a window.
///
/// A throttle multiplies the rate by 0.7; from there it climbs along `0.4 (t - K)^3 + last maximum`, flat around the rate that was too
/// much and ever steeper past it. The constants, the measured rate and the floor are those of botocore's
/// `retries/throttling.py` (`CubicCalculator`), `retries/adaptive.py` (`RateClocker`, `ClientRateLimiter`) and `retries/bucket.py`
/// (`TokenBucket`). Three things differ, because a gateway speaks for many callers over days:
/// * throttles of requests that were sent before the last cut do not cut again (one cut per round trip, as RFC 9438 has it);
/// * a success never lowers the rate: the bound of twice the measured rate only keeps an idle gateway from growing;
/// * a minute after the curve has passed the configured rate, all is as configured again.
///
/// Rates are requests per second, times nanoseconds of a monotonic clock.
public struct AdaptiveRate: Sendable, Equatable {
    public static let beta = 0.7
    public static let scale = 0.4
    /// Weight of the newest half second in the measured rate.
    public static let smoothing = 0.8
    public static let measureNanoseconds: UInt64 = 500_000_000
    public static let forgetNanoseconds: UInt64 = 60_000_000_000

    public let configured: Double
    /// Never slower than this: half a request per second, or a tenth of the configured rate where that is less.
    public let floor: Double
    /// The rate in force. `floor` to `configured`.
    public private(set) var current: Double
    /// Whether a throttle has lowered the rate and it has not been forgotten since.
    public private(set) var isLowered = false
    public private(set) var lastThrottle: UInt64 = 0
    /// Cuts made, ever.
    public private(set) var cuts: UInt64 = 0
    /// Answers per second, smoothed.
    public private(set) var measured = 0.0

    private var maximum = 0.0
    /// Seconds after a cut at which the curve is back at `maximum`.
    private var plateau = 0.0
    private var measureStart: UInt64?
    private var measureCount: UInt64 = 0

    public init(configured: Double) {
        self.configured = configured
        floor = min(0.5, configured / 10)
        current = configured
    }

    /// Counts answers of the upstream, of any kind, for the measured rate.
    public mutating func answered(_ count: UInt64, now: UInt64) {
        let start = measureStart ?? now
        measureStart = start
        measureCount += count
        guard now > start, now - start >= AdaptiveRate.measureNanoseconds else { return }
        let newest = Double(measureCount) / seconds(now - start)
        measured = measured == 0 ? newest : newest * AdaptiveRate.smoothing + measured * (1 - AdaptiveRate.smoothing)
        measureStart = now
        measureCount = 0
    }

    /// The upstream throttled a request that was sent at `sentAt`.
    public mutating func throttled(sentAt: UInt64, now: UInt64) {
        guard cuts == 0 || sentAt >= lastThrottle else { return }
        maximum = measured > 0 ? min(measured, current) : current
        plateau = cubeRoot(maximum * (1 - AdaptiveRate.beta) / AdaptiveRate.scale)
        current = bounded(maximum * AdaptiveRate.beta)
        isLowered = true
        lastThrottle = now
        cuts += 1
    }

    /// The upstream answered a request without throttling it.
    public mutating func succeeded(now: UInt64) {
        guard isLowered, now > lastThrottle else { return }
        let elapsed = seconds(now - lastThrottle)
        let offset = elapsed - plateau
        let curve = AdaptiveRate.scale * offset * offset * offset + maximum
        if curve >= configured, now - lastThrottle >= AdaptiveRate.forgetNanoseconds {
            isLowered = false
            current = configured
        } else {
            current = bounded(max(current, min(curve, 2 * measured)))
        }
    }

    /// Takes over from the state of another configured rate.
    mutating func resume(_ other: AdaptiveRate) {
        current = bounded(other.current)
        isLowered = other.isLowered
        lastThrottle = other.lastThrottle
        cuts = other.cuts
        measured = other.measured
        maximum = min(other.maximum, configured)
        plateau = other.plateau
    }

    private func bounded(_ rate: Double) -> Double { min(max(rate, floor), configured) }

    private func seconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e9 }
}

/// Newton's method, so that the pure part needs no C library. `value` at least 0.
private func cubeRoot(_ value: Double) -> Double {
    guard value > 0 else { return 0 }
    var root = max(value.squareRoot().squareRoot(), 1e-9)
    for _ in 0..<60 {
        let next = (2 * root + value / (root * root)) / 3
        if abs(next - root) <= root * 1e-15 { return next }
        root = next
    }
    return root
}
