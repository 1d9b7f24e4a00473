#ifndef COUNTERSIGN_CZLIB_SHIM_H
#define COUNTERSIGN_CZLIB_SHIM_H
// Swift cannot call zlib's function-like macros; each one that is needed gets a static inline function here.
#include <zlib.h>

/// Reads gzip (RFC 1952) and nothing else: 16 is added to the window bits (zlib manual, inflateInit2).
static inline int countersign_inflate_init_gzip(z_stream *stream) {
    return inflateInit2(stream, 16 + MAX_WBITS);
}

/// Writes gzip, with zlib's usual level and memory (zlib manual, deflateInit2).
static inline int countersign_deflate_init_gzip(z_stream *stream) {
    return deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
}
#endif
