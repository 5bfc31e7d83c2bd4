/* What Linux and glibc have but Swift's Glibc module, built without _GNU_SOURCE, does not show. */
#ifndef DDPM_CLINUX_H
#define DDPM_CLINUX_H

int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath,
              unsigned int flags);

enum { RENAME_WITHOUT_REPLACING = 1 };

/* Locks of an open file description: like flock(2), but a lock can be asked after without taking it. */
enum { OFD_GETLK = 36, OFD_SETLK = 37, OFD_SETLKW = 38 };

/* Both are in <unistd.h> and <sys/pidfd.h>. */
int pipe2(int pipedes[2], int flags);
int pidfd_open(int pid, unsigned int flags);

#include <spawn.h>
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);

#endif
