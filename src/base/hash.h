/* SHA-256 (FIPS 180-4), for files and states, and a quick checksum. SHA-256 uses the CPU's SHA instructions where
 * present; the digest is the same. */
#ifndef AS_BASE_HASH_H
#define AS_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct as_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
    bool instructions; /* set by begin: the CPU has SHA instructions. Clear it to take the plain path. */
} as_sha256;

void as_sha256_begin(as_sha256 *hash);
void as_sha256_add(as_sha256 *hash, const void *data, size_t bytes);
void as_sha256_end(as_sha256 *hash, uint8_t digest[32]);

/* 64 hexadecimal digits and NUL. Returns text. */
char *as_sha256_text(const uint8_t digest[32], char text[65]);

/* A 64-bit checksum against accidents: four chains over 8-byte words, each step a bijection of the chain's state, so
   that one wrong word is always seen and several with probability 1 - 2^-64. Not to be stored: it follows the order of
   bytes of the machine. */
uint64_t as_checksum(const void *data, int64_t bytes);

#endif
