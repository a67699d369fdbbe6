/* The process: its settings, the memory for results, interruption, and work on its threads. Include dcmturbo.h, which
 * has the rules of all functions. */
#ifndef DCMTURBO_INTERFACE_PROCESS_H
#define DCMTURBO_INTERFACE_PROCESS_H

#include "interface/basics.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dcmturbo_settings {
    uint32_t size;
    uint32_t threads;       /* of a call that sets no number; 0: as many as this process may use */
    uint8_t isa;            /* cpu/features.h, Isa */
    uint64_t max_pixels;    /* largest rows x columns of a frame */
    uint64_t max_output;    /* largest number of bytes of a result */
    uint64_t max_scratch;   /* largest number of bytes of a worker's scratch memory */
    uint8_t prefer_library; /* use a library where both it and the core have a codec */
} dcmturbo_settings;

DCMTURBO_API uint32_t dcmturbo_abi_version(void);
DCMTURBO_API void dcmturbo_get_settings(dcmturbo_settings* settings);
DCMTURBO_API int32_t dcmturbo_set_settings(const dcmturbo_settings* settings, dcmturbo_error* error);
DCMTURBO_API const char* dcmturbo_isa_name(uint8_t isa); /* null if isa is not the number of an instruction set */
DCMTURBO_API int32_t dcmturbo_isa_available(uint8_t isa);
DCMTURBO_API uint32_t dcmturbo_default_threads(void); /* the smaller of CPU affinity and cgroup quota */
/* The number of bytes that this process may use: the memory of the machine, or less if its control groups limit it. */
DCMTURBO_API uint64_t dcmturbo_memory_limit(void);

/* Sets the function that tells whether a call is to end early. The thread that made the call runs it, at most every
 * 50 ms, without holding locks. If it returns anything but 0, the call frees its memory and returns
 * DCMTURBO_INTERRUPTED. Null removes the function. */
#define DCMTURBO_INTERRUPTED 15
DCMTURBO_API void dcmturbo_set_interrupt(int32_t (*ask)(void));

/* Memory for results of at least one mebibyte. Freed blocks are kept for the next result, up to a cap in bytes.
 * Returns NULL if there is no memory. Pass the same size when freeing a block. */
DCMTURBO_API void* dcmturbo_output_allocate(size_t size);
DCMTURBO_API void dcmturbo_output_free(void* block, size_t size);
DCMTURBO_API void dcmturbo_set_output_cache(uint64_t bytes);
DCMTURBO_API uint64_t dcmturbo_output_cache(void);

/* Runs body(context, i) for every i below count on up to `threads` workers. */
DCMTURBO_API void dcmturbo_parallel_for(size_t count, uint32_t threads, void (*body)(void* context, size_t i),
                                        void* context);

#ifdef __cplusplus
}
#endif

#endif
