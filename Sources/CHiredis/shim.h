#ifndef COUNTERSIGN_CHIREDIS_SHIM_H
#define COUNTERSIGN_CHIREDIS_SHIM_H
/* Of hiredis only the protocol's reader and formatter are used; sockets are the event loops'. */
#include <hiredis/hiredis.h>
#endif
