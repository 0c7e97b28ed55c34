/* Makes the disk under events.db fail on request: while the file that FAULT_FILE names is there, no flush of the log
   succeeds. For test/faults/disk.spec.ts, with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(int fd) {
  const char *fault = getenv("FAULT_FILE");
  char link[64], path[4096];
  if (fault == NULL || access(fault, F_OK) != 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strstr(path, "events.db") != NULL;
}

#define FLUSH(name)                                              \
  int name(int fd) {                                             \
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, #name);    \
    if (fails(fd)) {                                             \
      errno = EIO;                                               \
      return -1;                                                 \
    }                                                            \
    return real(fd);                                             \
  }

FLUSH(fsync)
FLUSH(fdatasync)
