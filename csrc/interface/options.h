/* The options of codecs, and their values. Include dcmturbo.h, which has the rules of all functions. */
#ifndef DCMTURBO_INTERFACE_OPTIONS_H
#define DCMTURBO_INTERFACE_OPTIONS_H

#include "interface/basics.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The type of an option or of a value. An integer is also accepted as a number. */
enum {
    DCMTURBO_FLAG = 0, /* number is 0 or 1 */
    DCMTURBO_INTEGER = 1,
    DCMTURBO_NUMBER = 2,
    DCMTURBO_TEXT = 3,
    DCMTURBO_NONE = 4, /* only for values: treated as not given */
    DCMTURBO_OTHER = 5 /* only for values: no option accepts it; text shows it in messages */
};

/* An option of a codec. */
typedef struct dcmturbo_option {
    uint32_t size;
    const char* name;
    const char* meaning; /* one sentence */
    uint8_t type;        /* DCMTURBO_TEXT: the value is one of the words */
    uint8_t has_default;
    double lowest, highest;   /* of an integer or a number; INFINITY: no bound */
    double default_value;     /* DCMTURBO_TEXT: the index of its word */
    double loses_from;        /* this value and all above lose information; INFINITY: none, -INFINITY: all */
    const char* const* words; /* an integer or a number may have words that can be given instead */
    size_t word_count;
    uint8_t bounds_error; /* no decoded sample differs from the original by more than the value */
    char allowed[160];    /* describes the allowed values in messages */
} dcmturbo_option;

typedef struct dcmturbo_option_value {
    const char* name;
    uint8_t type;
    double number;
    const char* text;
} dcmturbo_option_value;

/* Option i for encoding to a transfer syntax. prefer_library: 1 for the library's encoder if there is one, 0 for
 * the core's, -1 for the one that the settings choose. Fails if there is no option i. */
DCMTURBO_API int32_t dcmturbo_encode_option_at(const char* transfer_syntax, int32_t prefer_library, size_t i,
                                               dcmturbo_option* option, dcmturbo_error* error);
/* Checks values for encoding. Sets `loses` if they ask for loss. (Some formats always lose information: see their
 * rows.) */
DCMTURBO_API int32_t dcmturbo_check_encode_options(const char* transfer_syntax, int32_t prefer_library,
                                                   const dcmturbo_option_value* values, size_t count, uint8_t* loses,
                                                   dcmturbo_error* error);

/* Options for decoding, of all codecs. Their values hold for the whole process. Fails if there is no option i. */
DCMTURBO_API int32_t dcmturbo_decode_option_at(size_t i, dcmturbo_option* option, dcmturbo_error* error);
DCMTURBO_API int32_t dcmturbo_set_decode_option(const dcmturbo_option_value* value, dcmturbo_error* error);
/* The value that was set, or the default. */
DCMTURBO_API int32_t dcmturbo_get_decode_option(const char* name, dcmturbo_option_value* value, dcmturbo_error* error);

#ifdef __cplusplus
}
#endif

#endif
