#ifndef COUNTERSIGN_CZLIB_SHIM_H
#define COUNTERSIGN_CZLIB_SHIM_H
// Swift cannot call zlib's function-like macros; the one that is needed gets a static inline function here.
#include <zlib.h>

/// Reads gzip (RFC 1952) and nothing else: 16 is added to the window bits (zlib manual, inflateInit2).
static inline int countersign_inflate_init_gzip(z_stream *stream) {
    return inflateInit2(stream, 16 + MAX_WBITS);
}
#endif
