/* Sources of bytes, the elements of a dataset, and the index of its frames. Include dcmturbo.h, which has the rules of
 * all functions. */
#ifndef DCMTURBO_INTERFACE_DATASETS_H
#define DCMTURBO_INTERFACE_DATASETS_H

#include "interface/basics.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dcmturbo_source dcmturbo_source;
/* Returns the number of bytes read. It is less than size only at the end; negative if reading fails. */
typedef int64_t (*dcmturbo_read)(void* context, uint64_t offset, void* to, size_t size);
DCMTURBO_API int32_t dcmturbo_source_file(const char* path, dcmturbo_source** source, dcmturbo_error* error);
DCMTURBO_API int32_t dcmturbo_source_buffer(dcmturbo_bytes bytes, dcmturbo_source** source, dcmturbo_error* error);
DCMTURBO_API int32_t dcmturbo_source_callback(dcmturbo_read read, void* context, uint64_t size,
                                              dcmturbo_source** source, dcmturbo_error* error);
/* Uses an open regular file. The source duplicates the descriptor and does not move the file position. */
DCMTURBO_API int32_t dcmturbo_source_descriptor(int32_t descriptor, dcmturbo_source** source, dcmturbo_error* error);
/* Four bytes that replace others. */
typedef struct dcmturbo_patch {
    uint64_t offset;
    uint8_t bytes[4];
} dcmturbo_patch;
/* Another source with some bytes replaced. That source must outlive it. */
DCMTURBO_API int32_t dcmturbo_source_patched(const dcmturbo_source* inner, const dcmturbo_patch* patches, size_t count,
                                             dcmturbo_source** source, dcmturbo_error* error);
/* Closes the file of a source, which can then no longer be read; other kinds of source stay as they are. A source that
   another thread reads at this moment stays open until it is freed. */
DCMTURBO_API void dcmturbo_source_close(dcmturbo_source* source);
DCMTURBO_API void dcmturbo_source_free(dcmturbo_source* source);

/* The fields of dicom/dataset.h, as an opaque handle. */
typedef struct dcmturbo_dataset dcmturbo_dataset;
/* flags: 1 bare dataset, 2 implicit VR, 4 big endian. The last two are for bare datasets. */
DCMTURBO_API int32_t dcmturbo_scan(const dcmturbo_source* source, uint32_t flags, dcmturbo_dataset** dataset,
                                   dcmturbo_error* error);
DCMTURBO_API void dcmturbo_dataset_free(dcmturbo_dataset* dataset);

typedef struct dcmturbo_element {
    uint32_t size;
    uint32_t tag;
    char vr[4]; /* empty for implicit VR */
    int32_t undefined_length;
    uint64_t begin, value, end; /* positions: of the header, of the value, of the end */
} dcmturbo_element;

/* Reports every element at the top level from `offset` on, in order. flags are those of dcmturbo_scan. `end`
 * receives the end of the elements: the size of the source, or the position of the first bytes that are no element. */
DCMTURBO_API int32_t dcmturbo_list_elements(const dcmturbo_source* source, uint64_t offset, uint32_t flags,
                                            void (*report)(void* context, const dcmturbo_element* element),
                                            void* context, uint64_t* end, dcmturbo_error* error);

typedef struct dcmturbo_layout {
    uint32_t size;
    uint8_t encapsulated;
    /* encapsulated: how frames are found: 0 by markers, 1 each fragment is one, 2 by RLE headers, 3 by their size */
    uint8_t grouping;
    uint8_t undefined_length;
    uint8_t word_bytes;        /* native: 2 for 8-bit cells in big-endian words */
    uint64_t offset, length;   /* of the value of the pixel data */
    uint64_t frame_bits;       /* native: bits of one frame */
    uint64_t unit_bytes;       /* grouping 2: decoded bytes of a segment; 3: bytes of a frame; 0: unknown */
    uint64_t number_of_frames; /* NumberOfFrames; 0: unknown */
    uint64_t extended_offset, extended_offset_length; /* Extended Offset Table: position in the source, */
    uint64_t extended_lengths, extended_lengths_length;
    dcmturbo_bytes extended_offset_bytes, extended_length_bytes; /* or in memory */
} dcmturbo_layout;

typedef struct dcmturbo_index dcmturbo_index;
/* The source must outlive the index. */
DCMTURBO_API int32_t dcmturbo_index_create(const dcmturbo_source* source, const dcmturbo_layout* layout,
                                           dcmturbo_index** index, dcmturbo_error* error);
DCMTURBO_API void dcmturbo_index_free(dcmturbo_index* index);
/* For a remote source without an offset table, the first call reads all item headers. */
DCMTURBO_API int32_t dcmturbo_index_frame_count(const dcmturbo_index* index, uint64_t* count, dcmturbo_error* error);
/* The byte ranges of the frame in the source, in order. *count receives their number, but at most `capacity` of
 * them are stored. first_bit differs from 0 only for native frames that begin inside a byte or word. */
typedef struct dcmturbo_range {
    uint64_t offset, size;
} dcmturbo_range;
DCMTURBO_API int32_t dcmturbo_index_frame(const dcmturbo_index* index, uint64_t frame, dcmturbo_range* ranges,
                                          size_t capacity, size_t* count, uint32_t* first_bit, dcmturbo_error* error);
/* Reads the bytes of these ranges to `to`. */
DCMTURBO_API int32_t dcmturbo_index_read_frame(const dcmturbo_index* index, uint64_t frame, uint8_t* to,
                                               size_t capacity, dcmturbo_error* error);

/* A value that dcmturbo_find_attributes has found. `value` is valid during the call of `report`. */
typedef struct dcmturbo_found {
    uint32_t size;
    uint32_t path;  /* number of the path that led to it */
    uint32_t outer; /* item of the outermost sequence of the path */
    uint32_t inner; /* item of the innermost sequence of the path */
    uint64_t offset;
    dcmturbo_bytes value;
} dcmturbo_found;

/* Reports the values of chosen attributes from `offset` on, up to `stop_tag` at the top level. `tags` has all paths,
 * one after the other, and `ends` the end of each of them: tags of nested sequences, then the tag of the attribute.
 * `flags` are those of dcmturbo_scan. */
DCMTURBO_API int32_t dcmturbo_find_attributes(const dcmturbo_source* source, uint64_t offset, uint32_t flags,
                                              uint32_t stop_tag, const uint32_t* tags, const uint32_t* ends,
                                              size_t count, void (*report)(void* context, const dcmturbo_found* found),
                                              void* context, dcmturbo_error* error);

/* Parses decimal numbers that backslashes separate (VR DS and IS). *count is the number of numbers; the first
 * `capacity` of them are written. Sets *is_plain to 0, and *count to 0, if a value is empty or no number, or has too
 * many digits for this function. */
DCMTURBO_API int32_t dcmturbo_parse_decimals(dcmturbo_bytes text, double* numbers, size_t capacity, size_t* count,
                                             int32_t* is_plain, dcmturbo_error* error);

/* Sets found[k] to 1 if the data contain patterns[k], and to 0 otherwise. ASCII letters of the data count as small
 * ones; those of the patterns must be small. A pattern has two bytes or more. */
DCMTURBO_API int32_t dcmturbo_find_patterns(dcmturbo_bytes data, const dcmturbo_bytes* patterns, size_t count,
                                            uint8_t* found, dcmturbo_error* error);

#ifdef __cplusplus
}
#endif

#endif
