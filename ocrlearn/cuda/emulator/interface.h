// What a compiled kernel and the runtime know of each other.
//
// dialect.h turns the words of CUDA into calls of the functions below; runtime.cpp defines them.
// The functions have C linkage, so that a kernel's library and the runtime can be built apart.
#pragma once
#include <cstddef>
#include <cstdint>

struct uint3 {
    unsigned x, y, z;
};

// One launch, as Python fills it in (run.py mirrors this as a ctypes structure).
struct EmulatorRequest {
    void** arguments;       // one pointer to each argument's value
    uint32_t grid[3];       // number of blocks along x, y, z
    uint32_t block[3];      // number of threads of a block along x, y, z
    uint64_t shared_bytes;  // dynamic shared memory of a block
    uint64_t seed;          // of the random schedules
    int32_t order;          // of blocks and threads: 0 forward, 1 reversed, 2 random
    int32_t workers;        // operating-system threads that take blocks
    int32_t preempt;        // interrupt a thread at one memory access in so many; 0: never
    int32_t check;          // look for races, overruns and unwritten reads
    int32_t profile;        // count memory requests
};

// What __syncthreads_or, __syncthreads_and and __syncthreads_count return.
struct EmulatorVotes {
    int any, all, count;
};

// Computes the results of a warp operation for all lanes of `mask` at once.
typedef void (*EmulatorFold)(unsigned mask, const uint64_t* values, const int* arguments,
                             uint64_t* results);

extern "C" {
int emulator_run(void (*kernel)(void*), void* context, const EmulatorRequest* request);

EmulatorVotes emulator_barrier(int vote, int line);
uint64_t emulator_warp(unsigned mask, uint64_t value, int argument, EmulatorFold fold,
                       int orders_memory, int line);
unsigned emulator_active_mask();

// The same key gives all threads of a block the same memory; `item` is the size of one element.
void* emulator_shared(const void* key, size_t bytes, size_t item, const char* name);
void* emulator_dynamic_shared(size_t item, const char* name);

void emulator_trap(const char* what, int line);
}
