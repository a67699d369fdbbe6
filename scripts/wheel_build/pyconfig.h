/* Stands for CPython's own pyconfig.h where wheels are cross-compiled. Python's headers ask little of it: sizes, threads,
   and how a Windows DLL is linked. All 64-bit platforms of one data model therefore share it. */
#ifndef DCMTURBO_PYCONFIG_H
#define DCMTURBO_PYCONFIG_H

#define SIZEOF_SHORT 2
#define SIZEOF_INT 4
#define SIZEOF_LONG_LONG 8
#define SIZEOF_SIZE_T 8
#define SIZEOF_VOID_P 8
#define SIZEOF_UINTPTR_T 8
#define SIZEOF_OFF_T 8
#define SIZEOF_TIME_T 8
#define SIZEOF_PID_T 4
#define SIZEOF_FLOAT 4
#define SIZEOF_DOUBLE 8
#define SIZEOF__BOOL 1

#define HAVE_LONG_LONG 1
#define HAVE_STDDEF_H 1
#define HAVE_WCHAR_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_THREAD_LOCAL 1
#define WITH_THREAD 1
#define WITH_DOC_STRINGS 1
#define WITH_PYMALLOC 1

#if defined(_WIN32)
#define MS_WINDOWS 1
#define MS_WIN32 1
#define MS_WIN64 1
#define NT_THREADS 1
#define HAVE_DECLSPEC_DLL 1
#define Py_ENABLE_SHARED 1 /* Python's functions and objects come from its DLL */
#define SIZEOF_LONG 4
#define SIZEOF_WCHAR_T 2
#define ALIGNOF_MAX_ALIGN_T 8
#define PLATLIBDIR "DLLs"
#else
#define HAVE_SSIZE_T 1
#define HAVE_PTHREAD_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_FORK 1
#define SIZEOF_PTHREAD_T 8
#define SIZEOF_LONG 8
#define SIZEOF_WCHAR_T 4
#define ALIGNOF_MAX_ALIGN_T 16
#endif

/* Py_GIL_DISABLED comes from the command line: it is the only difference of a free-threaded build. */

#endif
