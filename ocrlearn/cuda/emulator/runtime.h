// What the parts of the runtime share: threads, blocks and the list of faults.
//
// The runtime is built twice. The plain build is runtime.cpp alone, for kernels that run at full
// speed. The instrumented build adds checker.cpp and profiler.cpp: there, every memory access of
// the kernel calls the checker, which may interrupt the thread, count the access or find a fault in
// it.
#pragma once
#include <csetjmp>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include <ucontext.h>

#include "interface.h"

constexpr unsigned WARP = 32;
constexpr unsigned FULL_MASK = 0xffffffffu;
constexpr size_t STACK_BYTES = 256 * 1024;  // of a CUDA thread: local arrays and calls

// ---- randomness ---------------------------------------------------------------------------------

// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same numbers on every machine.
struct Random {
    uint64_t state;

    uint64_t next()
    {
        state += 0x9e3779b97f4a7c15u;
        uint64_t z = state;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    uint64_t below(uint64_t limit) { return next() % limit; }

    template <class Sequence> void shuffle(Sequence& items, size_t begin = 0)
    {
        for (size_t i = items.size(); i > begin + 1; --i)
            std::swap(items[i - 1], items[begin + below(i - begin)]);
    }
};

// ---- threads and blocks -------------------------------------------------------------------------

enum class State : uint8_t { fresh, running, at_barrier, at_warp_operation, finished };

struct Thread;

// A stack of its own, and where to go on when it is its turn again.
struct Fiber {
    jmp_buf resume;
    ucontext_t start;
    char* stack = nullptr;
    bool started = false;
    Thread* thread = nullptr;  // the CUDA thread that runs on it now
};

struct Thread {
    uint3 index;           // threadIdx
    unsigned number;       // threadIdx as one number, x fastest
    State state;
    int line;              // of the barrier or warp operation where it waits
    unsigned mask;         // of that warp operation
    uint64_t result;       // of that warp operation
    uint64_t steps;        // branches taken since it last waited
    uint64_t polls;        // atomic and volatile accesses since it last waited
    Fiber* fiber;

    unsigned warp() const { return number / WARP; }
    unsigned lane() const { return number % WARP; }
};

// The warp operation that the lanes of a warp are arriving at.
struct Warp {
    uint64_t values[WARP];
    int arguments[WARP];
    unsigned arrived;  // one bit a lane
};

struct SharedArray {
    const void* key;
    char* memory;
    size_t bytes, item;
    const char* name;
};

struct Block {
    void (*kernel)(void*);
    void* context;
    const EmulatorRequest* request;

    uint64_t number;  // blockIdx as one number, x fastest
    unsigned size;    // threads
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    std::vector<unsigned> order;  // in which the threads start

    std::deque<Fiber*> ready;   // can go on
    std::vector<Fiber*> idle;   // their thread has finished
    std::vector<Fiber*> fibers; // all
    Fiber main;                 // the operating-system thread's own stack
    Fiber* current;

    unsigned started;   // threads of `order` that have begun
    unsigned live;      // threads that have not finished
    unsigned arrived;   // threads that wait at the barrier
    int barrier_line;
    unsigned barriers;  // passed so far
    EmulatorVotes votes, outcome;

    std::vector<SharedArray> shared;
    std::vector<char> arena;
    size_t arena_used;
    Random random;
};

extern thread_local Block* active;  // the block that this operating-system thread is running

void give_way();              // let other threads of the block run
[[noreturn]] void abandon();  // end the whole launch

// ---- faults -------------------------------------------------------------------------------------

enum FaultKind : int32_t {
    FAULT_RACE,
    FAULT_OUT_OF_BOUNDS,
    FAULT_UNINITIALISED,
    FAULT_DIVERGENT_BARRIER,
    FAULT_EARLY_RETURN,  // threads wait at a barrier though others have returned
    FAULT_DEADLOCK,
    FAULT_ABSENT_LANES,  // a warp operation waits for lanes that never come
    FAULT_NOT_IN_MASK,   // a lane calls a warp operation whose mask leaves it out
    FAULT_MASKS_DIFFER,
    FAULT_TRAP,
    FAULT_ENDLESS_LOOP,
    FAULT_SHARED_MEMORY,
};

enum Verb : int32_t { VERB_NONE, VERB_READ, VERB_WRITE, VERB_UPDATE };

// One thread's part in a fault. `code` is an address in the kernel's library, from which Python
// finds the line; where the line is known already, `code` is 0.
struct Part {
    uint64_t block;
    uint32_t thread, code;
    int32_t line, verb, atomic;
    uint32_t mask;
};

// How many threads are in one state, for the report of a deadlock.
struct Group {
    int32_t state, line;
    uint32_t count, first;
};

constexpr int MOST_GROUPS = 6;

// Mirrored in findings.py.
struct Fault {
    int32_t kind;
    int32_t groups_used;
    Part part, other;
    int64_t element, elements;
    uint64_t bytes;
    char name[64];  // of the array, or the text of a trap
    Group groups[MOST_GROUPS];
};

Fault make_fault(FaultKind kind, int line = 0);
void report(const Fault& fault);

// ---- the checker, in the instrumented build -----------------------------------------------------

namespace checker {
#ifdef EMULATOR_INSTRUMENTED
void begin_launch(const EmulatorRequest& request);
void begin_block();
void end_block();
void share(const SharedArray& array);              // a block begins to use a shared array
void ordered_by_syncwarp(unsigned warp, unsigned mask);
#else
inline void begin_launch(const EmulatorRequest&) {}
inline void begin_block() {}
inline void end_block() {}
inline void share(const SharedArray&) {}
inline void ordered_by_syncwarp(unsigned, unsigned) {}
#endif
}

namespace profiler {
void begin_launch();
void record(uint32_t code, uint64_t address, unsigned bytes, bool shared, Verb verb);
void end_block();
}
