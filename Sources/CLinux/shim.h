/* What Linux and glibc have but Swift's Glibc module, built without _GNU_SOURCE, does not show. */
#ifndef DDPM_CLINUX_H
#define DDPM_CLINUX_H

int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath,
              unsigned int flags);

enum { RENAME_WITHOUT_REPLACING = 1 };

/* A descriptor that stands for a place in the file system, and opens nothing (open(2): O_PATH). */
enum { OPEN_PLACE = 010000000 };

/* From <sys/xattr.h>; tests set what is read. */
long getxattr(const char *path, const char *name, void *value, unsigned long size);
long fgetxattr(int fd, const char *name, void *value, unsigned long size);
int setxattr(const char *path, const char *name, const void *value, unsigned long size, int flags);

/* Locks of an open file description: like flock(2), but a lock can be asked after without taking it. */
enum { OFD_GETLK = 36, OFD_SETLK = 37, OFD_SETLKW = 38 };

/* From <unistd.h>, <sys/pidfd.h>, <sys/signalfd.h>, <sys/socket.h>, <sched.h> and <spawn.h>. */
int syncfs(int fd);
int pipe2(int pipedes[2], int flags);
int accept4(int fd, void *address, void *length, int flags);
int pidfd_open(int pid, unsigned int flags);
int signalfd(int fd, const void *mask, int flags);
int sched_getaffinity(int pid, unsigned long size, void *mask);
int posix_spawn_file_actions_addchdir_np(void *actions, const char *path);
int posix_spawn_file_actions_addclosefrom_np(void *actions, int from);

/* From <malloc.h>. */
#define LEAST_MAPPED_SIZE (-3)
int mallopt(int parameter, int value);

/* `stdout` is a variable, which Swift does not take for one that no other thread changes. */
#include <errno.h>
#include <stdio.h>
static inline int flush_standard_output(void) {
  if (fflush(stdout) != 0) return errno;
  return ferror(stdout) ? EIO : 0;
}

/* prctl(2) takes variable arguments, which Swift cannot pass. */
#include <sys/prctl.h>
static inline int signal_on_parent_death(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }
static inline int become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1); }

#endif
