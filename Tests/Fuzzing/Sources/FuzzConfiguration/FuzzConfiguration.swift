import GatewayConfig

/// Any bytes as a configuration: settings or mistakes that can be shown, never a crash. Files that it names are looked for where none are.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: data, count: count), as: UTF8.self)
    let environment = EnvironmentVariables(["SECRET": "wJalrXUtnFEMI", "EMPTY": "", "NUMBER": "7"])
    do {
        let settings = try ConfigurationLoader.read(json: text, directory: "/nonexistent", environment: environment)
        precondition(!settings.listeners.isEmpty && !settings.upstreams.isEmpty && !settings.routes.isEmpty, "what is needed is there")
    } catch {
        precondition(!error.mistakes.isEmpty, "a refusal names a mistake")
        for mistake in error.mistakes {
            precondition(!mistake.problem.isEmpty && !mistake.remedy.isEmpty, "a mistake is named, and its mend")
            precondition((mistake.line ?? 1) > 0 && (mistake.column ?? 1) > 0, "lines and columns count from 1")
        }
        precondition(!error.description.isEmpty)
    }
    return 0
}
