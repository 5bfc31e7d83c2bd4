/* What Linux and glibc have but Swift's Glibc module, built without _GNU_SOURCE, does not show. */
#ifndef DDPM_CLINUX_H
#define DDPM_CLINUX_H

int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath,
              unsigned int flags);

enum { RENAME_WITHOUT_REPLACING = 1 };

/* Locks of an open file description: like flock(2), but a lock can be asked after without taking it. */
enum { OFD_GETLK = 36, OFD_SETLK = 37, OFD_SETLKW = 38 };

#endif
