-- What wrk sends, and what it reports. The pause between two requests of a connection comes from the environment: PAUSE_MS is its mean,
-- drawn evenly from 0 to twice that; 0 sends flat out.
local mean = tonumber(os.getenv("PAUSE_MS") or "0")

wrk.method = "DELETE"
wrk.path = "/phone-numbers/%2B12065550100"
wrk.headers["User-Agent"] = "bench"
wrk.headers["Accept"] = "*/*"

if mean > 0 then
    function init() math.randomseed(20150830) end
    function delay() return math.random(0, 2 * mean) end
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"microseconds":%d,"failed":%d,"refused":%d,"p50":%d,"p99":%d}\n',
        summary.requests, summary.duration, errors.connect + errors.read + errors.write + errors.timeout, errors.status,
        latency:percentile(50), latency:percentile(99)))
end
