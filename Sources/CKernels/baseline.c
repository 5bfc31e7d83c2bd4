#define VARIANT baseline
#include "kernels.inc"
