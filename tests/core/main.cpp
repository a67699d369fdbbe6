// Tests of the core's rooms in C++, without Python: what a room promises its neighbours, at its borders.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
