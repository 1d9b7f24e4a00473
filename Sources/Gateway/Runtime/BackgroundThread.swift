import Glibc

/// A thread of its own, for work that blocks: files, look-ups of names, connections that no event loop serves.
enum BackgroundThread {
    private final class Body {
        let run: () -> Void

        init(_ run: @escaping () -> Void) { self.run = run }
    }

    /// Why the system gave no thread.
    struct Failure: Error {
        var words: String
    }

    /// Starts `body`. What it captures is the new thread's alone from here on, or is safe to share. Signals are the main thread's: all of
    /// them are blocked from the first instruction on. The thread has to be joined or detached.
    static func start(_ body: @escaping () -> Void) throws(Failure) -> pthread_t {
        let unmanaged = Unmanaged.passRetained(Body(body))
        var everything = sigset_t()
        var before = sigset_t()
        sigfillset(&everything)
        // A new thread inherits the mask.
        pthread_sigmask(SIG_BLOCK, &everything, &before)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
                return nil
            }, unmanaged.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard code == 0 else {
            unmanaged.release()
            throw Failure(words: String(cString: strerror(code)))
        }
        return thread
    }
}
