#ifndef DDPM_CKERNELS_H
#define DDPM_CKERNELS_H
#endif
