/* The C ABI of dcmturbo's core. The Python bindings and the fuzz targets use it. The capsule
 * `dcmturbo._core._C_API` exports it, so other extension modules can share the one thread pool of the process.
 *
 * Every struct begins with its size, which the caller sets. New fields are only added at the end. Every function
 * that can fail returns a code (DCMTURBO_OK is 0) and fills the error. No function throws, prints or aborts. Each
 * handle is freed by the function that is declared next to it. All functions may be called from any thread, with or
 * without the GIL. Several threads may use a handle at the same time, but none may use it while it is freed. */
#ifndef DCMTURBO_H
#define DCMTURBO_H

#include "interface/basics.h"
#include "interface/batches.h"
#include "interface/blanking.h"
#include "interface/datasets.h"
#include "interface/encoding.h"
#include "interface/formats.h"
#include "interface/frames.h"
#include "interface/images.h"
#include "interface/options.h"
#include "interface/process.h"
#include "interface/raster.h"
#include "interface/transcoding.h"

#endif
