/* Masks and their outlines. Include dcmturbo.h, which has the rules of all functions. */
#ifndef DCMTURBO_INTERFACE_RASTER_H
#define DCMTURBO_INTERFACE_RASTER_H

#include "interface/basics.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Polygons in the images of a stack. `points` are pairs of x (along a row) and y, in pixels; the centre of the first
 * pixel is 0, 0. `ends` has the end of each polygon in `points`, `image_ends` the end of each group of polygons in
 * `ends`, and `images` the image that each group is in. Each image may have one group only. */
typedef struct dcmturbo_polygons {
    uint32_t size;
    uint8_t rule;         /* 0: even-odd, 1: non-zero (raster/polygon_fill.h) */
    uint8_t subdivisions; /* of a pixel along each side, for coverage: 1, 2, 4, 8 or 16 */
    uint8_t value;        /* what a mask has inside */
    uint8_t is_coverage;  /* 1: the cells are float, and get the share that is inside; they must be 0 before */
    const double* points;
    uint64_t point_count;
    const uint64_t* ends;
    uint64_t polygon_count;
    const uint64_t* image_ends;
    const uint64_t* images;
    uint64_t group_count;
} dcmturbo_polygons;

typedef struct dcmturbo_raster {
    uint32_t size;
    void* cells; /* images x rows x columns cells, without gaps */
    uint64_t images;
    uint64_t rows;
    uint64_t columns;
    uint8_t cell_bytes;
} dcmturbo_raster;

DCMTURBO_API int32_t dcmturbo_fill_polygons(const dcmturbo_polygons* polygons, const dcmturbo_raster* raster,
                                            uint32_t threads, dcmturbo_error* error);

/* Reports the outlines of the areas in each image of a stack of masks of bytes (raster/outlines.h), in the order of the
 * images. `points` are pairs of x and y. */
DCMTURBO_API int32_t dcmturbo_trace_outlines(const dcmturbo_raster* raster, int32_t diagonal, uint32_t threads,
                                             void (*report)(void* context, uint64_t image, int32_t is_hole,
                                                            const double* points, uint64_t count),
                                             void* context, dcmturbo_error* error);

#ifdef __cplusplus
}
#endif

#endif
