// Looks at every memory access of a kernel: races, overruns, reads of what nobody wrote.
//
// The instrumented kernel is compiled with -fsanitize=thread, which makes g++ put a call before
// every access to memory that another thread could see: __tsan_read4(address) and its sisters.
// Usually the ThreadSanitizer library answers these calls. It knows operating-system threads and
// locks, not blocks and barriers, so it is not linked; the functions at the end of this file take
// its place.
//
// Shadow memory. For every item of every array (the kernel's arguments, shared arrays, __device__
// variables) the checker remembers the last write and two reads since: which thread, from which
// instruction, and when. An access to an address outside every array is an overrun.
//
// When is an access ordered before another? A kernel has no locks, so three rules say it all:
//   - a thread's own accesses are ordered;
//   - within a block, what came before a __syncthreads() is ordered before what comes after it:
//     an access remembers how many barriers its block had passed;
//   - within a warp, __syncwarp(mask) orders the lanes of its mask. Every thread counts its own
//     __syncwarp()s and knows how far it has seen each lane of its warp come (a vector clock).
// Blocks are never ordered. Two accesses to one item that are not ordered, of which one writes, are
// a race unless both are atomic; a volatile access counts as atomic. It does not matter in which
// order the accesses happen to run here: a race is found on any schedule that performs both.
//
// The other shuffles and votes of a warp do not order memory, as in CUDA. A __threadfence() orders
// nothing by itself either: data that one block hands to another behind a fence and a flag is
// reported, and must be read and written by atomic or volatile accesses.
#include "runtime.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <tuple>

#include <link.h>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

// ---- shadow memory ------------------------------------------------------------------------------

enum Kind : uint8_t { NONE, PLAIN, ATOMIC };

// All zero bytes mean: none yet.
struct Access {
    uint32_t block, barriers, syncwarps, code;
    uint16_t thread;
    Kind kind;
    uint8_t verb;
};

struct Shadow {
    Access write, read, other_read;
};

struct Array {
    char* begin;
    size_t bytes;
    size_t item;       // bytes of one element
    unsigned shift;    // log2 of the bytes that share a shadow
    bool shared;
    std::string name;
    uint8_t* written;  // for every byte, whether it was written; null: all were
    Shadow* shadow;    // null until used
    uint64_t gpu;      // where the array would lie on a GPU, for the profiler

    bool holds(const char* address) const { return address >= begin && address < begin + bytes; }
    size_t elements() const { return bytes / item; }
};

std::vector<Array> arrays;           // of this launch: arguments and __device__ variables
std::vector<Array> shared_arrays;    // of this block
std::vector<char*> shared_written;   // their `written`, to be freed
const EmulatorRequest* request;
Random interruptions;
char* library_begin;                 // of the kernel's library
char* library_end;

struct Clock {
    uint32_t own;         // __syncwarp()s this thread has passed
    uint32_t seen[WARP];  // and how far it has seen the other lanes come
};
std::vector<Clock> clocks;  // one a thread of the running block

std::set<std::tuple<int, uint32_t, uint32_t>> reported;  // fault, code, other code

bool first_time(FaultKind kind, uint32_t code, uint32_t other)
{
    return reported.insert({kind, code, other}).second;
}

unsigned shadow_shift(size_t item)
{
    return item % 8 == 0 ? 3 : item % 4 == 0 ? 2 : item % 2 == 0 ? 1 : 0;
}

void forget(std::vector<Array>& list)
{
    for (Array& array : list) free(array.shadow);
    list.clear();
}

Array* find_array(const char* address)
{
    for (Array& array : shared_arrays)
        if (array.holds(address)) return &array;
    for (Array& array : arrays)
        if (array.holds(address)) return &array;
    return nullptr;
}

// ---- faults -------------------------------------------------------------------------------------

Part part_of(const Access& access)
{
    return {access.block, access.thread, access.code, 0, access.verb, access.kind == ATOMIC, 0};
}

void describe_place(Fault& fault, const Array& array, const char* address)
{
    strncpy(fault.name, array.name.c_str(), sizeof fault.name - 1);
    long offset = address - array.begin, item = long(array.item);
    fault.element = offset >= 0 ? offset / item : -((-offset + item - 1) / item);
    fault.elements = int64_t(array.elements());
}

constexpr uintptr_t NULL_PAGE = 65536;  // nothing lies below

[[noreturn]] void report_overrun(const char* address, unsigned bytes, const Access& access)
{
    const Array* nearest = nullptr;
    long least = 0;
    for (const auto* list : {&shared_arrays, &arrays})
        for (const Array& array : *list) {
            long before = array.begin - address, behind = address - (array.begin + array.bytes) + 1;
            long distance = std::max(before, behind);
            if (nearest && distance >= least) continue;
            nearest = &array;
            least = distance;
        }
    Fault fault = make_fault(FAULT_OUT_OF_BOUNDS);
    fault.part = part_of(access);
    fault.bytes = bytes;
    bool null = reinterpret_cast<uintptr_t>(address) < NULL_PAGE;  // no array is meant
    if (nearest && !null) describe_place(fault, *nearest, address);
    report(fault);
    abandon();
}

void report_race(const Array& array, const char* address, const Access& before, const Access& now)
{
    if (!first_time(FAULT_RACE, before.code, now.code)) return;
    Fault fault = make_fault(FAULT_RACE);
    fault.part = part_of(now);
    fault.other = part_of(before);
    describe_place(fault, array, address);
    report(fault);
}

void report_unwritten(const Array& array, const char* address, const Access& now)
{
    if (!first_time(FAULT_UNINITIALISED, now.code, 0)) return;
    Fault fault = make_fault(FAULT_UNINITIALISED);
    fault.part = part_of(now);
    describe_place(fault, array, address);
    report(fault);
}

// ---- what is ordered before what ----------------------------------------------------------------

bool is_ordered(const Access& before, const Access& now)
{
    if (before.kind == NONE) return true;
    if (before.block != now.block) return false;
    if (before.thread == now.thread) return true;
    if (before.barriers < now.barriers) return true;
    if (before.thread / WARP != now.thread / WARP) return false;
    return before.syncwarps < clocks[now.thread].seen[before.thread % WARP];
}

bool are_racing(const Access& before, const Access& now)
{
    return !(before.kind == ATOMIC && now.kind == ATOMIC) && !is_ordered(before, now);
}

void check_races(const Array& array, char* address, Shadow& shadow, const Access& now)
{
    if (are_racing(shadow.write, now)) report_race(array, address, shadow.write, now);
    if (now.verb == VERB_READ) {
        // Keep two reads that are not ordered; a plain read is kept rather than an atomic one,
        // which fewer writes can race with.
        Access& read = shadow.read;
        if (is_ordered(read, now)) {
            bool weaker = read.kind == PLAIN && now.kind == ATOMIC && read.thread == now.thread;
            if (!weaker) read = now;
        } else if (is_ordered(shadow.other_read, now)) {
            shadow.other_read = now;
        }
        return;
    }
    if (are_racing(shadow.read, now))
        report_race(array, address, shadow.read, now);
    else if (are_racing(shadow.other_read, now))
        report_race(array, address, shadow.other_read, now);
    shadow.write = now;
    shadow.read = shadow.other_read = Access{};
}

void check_written(const Array& array, size_t offset, unsigned bytes, const Access& now)
{
    uint8_t* written = array.written + offset;
    if (now.verb != VERB_WRITE && memchr(written, 0, bytes))
        report_unwritten(array, array.begin + offset, now);
    memset(written, 1, bytes);  // by this access, or so that it is reported once
}

// ---- one access ---------------------------------------------------------------------------------

constexpr uint64_t MOST_POLLS = 1024;       // atomic accesses without rest: perhaps it waits
constexpr uint64_t MOST_STEPS = 50000000;  // branches without rest: it will never end
constexpr unsigned MOST_BARRIERS = 100000;  // of one block

void interrupt_sometimes(Thread& thread, Kind kind)
{
    bool polls = kind == ATOMIC && ++thread.polls % MOST_POLLS == 0;
    if (polls || (request->preempt && interruptions.below(request->preempt) == 0)) give_way();
}

void access(char* address, unsigned bytes, Verb verb, Kind kind, void* return_address)
{
    if (!active || !active->current->thread) return;
    Fiber& fiber = *active->current;
    if (address >= fiber.stack && address < fiber.stack + STACK_BYTES) return;  // a local variable
    Thread& thread = *fiber.thread;
    interrupt_sometimes(thread, kind);
    if (!request->check && !request->profile) return;

    Access now{};
    now.block = uint32_t(active->number);
    now.thread = uint16_t(thread.number);
    now.barriers = active->barriers;
    now.code = uint32_t(static_cast<char*>(return_address) - 1 - library_begin);
    now.kind = kind;
    now.verb = uint8_t(verb);
    Array* array = find_array(address);
    if (!array && address >= library_begin && address < library_end) return;  // constants
    bool fits = array && address + bytes <= array->begin + array->bytes;
    if (!fits) report_overrun(address, bytes, now);
    size_t offset = address - array->begin;
    if (request->profile)
        profiler::record(now.code, array->gpu + offset, bytes, array->shared, verb);
    if (!request->check) return;

    now.syncwarps = clocks[thread.number].own;
    if (array->written) check_written(*array, offset, bytes, now);
    if (!array->shadow) {
        size_t items = ((array->bytes - 1) >> array->shift) + 1;
        array->shadow = static_cast<Shadow*>(calloc(items, sizeof(Shadow)));
    }
    for (size_t i = offset >> array->shift; i <= (offset + bytes - 1) >> array->shift; ++i)
        check_races(*array, array->begin + (i << array->shift), array->shadow[i], now);
}

}  // namespace

// ---- what the runtime tells ---------------------------------------------------------------------

void checker::begin_launch(const EmulatorRequest& launch)
{
    request = &launch;
    interruptions.state = launch.seed;
    reported.clear();
    profiler::begin_launch();
}

void checker::begin_block()
{
    clocks.assign(request->check ? active->size : 0, Clock{});
}

void checker::end_block()
{
    forget(shared_arrays);
    for (char* written : shared_written) free(written);
    shared_written.clear();
    if (request->profile) profiler::end_block();
}

void checker::share(const SharedArray& shared)
{
    char* written = nullptr;
    if (request->check && shared.bytes) {
        written = static_cast<char*>(calloc(shared.bytes, 1));
        shared_written.push_back(written);
    }
    shared_arrays.push_back({shared.memory, shared.bytes, shared.item, shadow_shift(shared.item),
                             true, shared.name, reinterpret_cast<uint8_t*>(written), nullptr,
                             shared_arrays.size() << 32});
}

void checker::ordered_by_syncwarp(unsigned warp, unsigned mask)
{
    if (!request->check) return;
    Clock joined{};
    Clock* lanes = &clocks[warp * WARP];
    for (unsigned lane = 0; lane < WARP; ++lane) {
        if (!(mask >> lane & 1)) continue;
        ++lanes[lane].own;
        lanes[lane].seen[lane] = lanes[lane].own;
        for (unsigned i = 0; i < WARP; ++i)
            joined.seen[i] = std::max(joined.seen[i], lanes[lane].seen[i]);
    }
    for (unsigned lane = 0; lane < WARP; ++lane)
        if (mask >> lane & 1) memcpy(lanes[lane].seen, joined.seen, sizeof joined.seen);
}

// ---- what Python tells --------------------------------------------------------------------------

// `skew` is how far the array begins behind the start of its allocation: a GPU aligns allocations
// to 256 bytes, the CPU does not, and the profiler counts as on a GPU.
EXPORT void emulator_watch(char* address, size_t bytes, size_t item, const char* name,
                           uint8_t* written, uint64_t skew)
{
    for (const Array& known : arrays)
        if (known.begin == address && known.bytes == bytes) return;  // one array, two parameters
    arrays.push_back({address, bytes, item, shadow_shift(item), false, name, written, nullptr,
                      (uint64_t(arrays.size()) << 40) + skew % 256});
}

EXPORT void emulator_forget() { forget(arrays); }

// Find where a kernel's library lies: the addresses of its code, and its __device__ variables,
// which are in the part of it that can be written.
EXPORT void emulator_use_library(const char* path)
{
    library_begin = library_end = nullptr;
    auto visit = [](dl_phdr_info* info, size_t, void* wanted) {
        if (!info->dlpi_name || strcmp(info->dlpi_name, static_cast<const char*>(wanted))) return 0;
        library_begin = library_end = reinterpret_cast<char*>(info->dlpi_addr);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
            const auto& part = info->dlpi_phdr[i];
            if (part.p_type != PT_LOAD) continue;
            char* begin = library_begin + part.p_vaddr;
            library_end = std::max(library_end, begin + part.p_memsz);
            if (part.p_flags & PF_W)
                emulator_watch(begin, part.p_memsz, 4, "a __device__ variable", nullptr,
                               part.p_vaddr);
        }
        return 1;
    };
    dl_iterate_phdr(visit, const_cast<char*>(path));
}

// ---- what the compiled kernel calls -------------------------------------------------------------

#define HERE __builtin_return_address(0)

#define ACCESS(suffix, bytes, verb, kind)                                                          \
    EXPORT void __tsan_##suffix(char* p) { access(p, bytes, verb, kind, HERE); }
#define ACCESSES(bytes)                                                                            \
    ACCESS(read##bytes, bytes, VERB_READ, PLAIN)                                                   \
    ACCESS(write##bytes, bytes, VERB_WRITE, PLAIN)                                                 \
    ACCESS(unaligned_read##bytes, bytes, VERB_READ, PLAIN)                                         \
    ACCESS(unaligned_write##bytes, bytes, VERB_WRITE, PLAIN)                                       \
    ACCESS(volatile_read##bytes, bytes, VERB_READ, ATOMIC)                                         \
    ACCESS(volatile_write##bytes, bytes, VERB_WRITE, ATOMIC)
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

EXPORT void __tsan_read_range(char* p, size_t bytes) { access(p, bytes, VERB_READ, PLAIN, HERE); }
EXPORT void __tsan_write_range(char* p, size_t bytes) { access(p, bytes, VERB_WRITE, PLAIN, HERE); }

// Atomics of the dialect: a load, not counted, then compare-and-exchange until it succeeds.
#define ATOMICS(bits, type)                                                                        \
    EXPORT type __tsan_atomic##bits##_load(type* p, int)                                           \
    {                                                                                              \
        return __atomic_load_n(p, __ATOMIC_RELAXED);                                               \
    }                                                                                              \
    EXPORT int __tsan_atomic##bits##_compare_exchange_strong(type* p, type* old, type value, int,  \
                                                             int)                                  \
    {                                                                                              \
        access((char*)p, sizeof(type), VERB_UPDATE, ATOMIC, HERE);                                 \
        return __atomic_compare_exchange_n(p, old, value, false, __ATOMIC_RELAXED,                 \
                                           __ATOMIC_RELAXED);                                      \
    }                                                                                              \
    EXPORT type __tsan_atomic##bits##_exchange(type* p, type value, int)                           \
    {                                                                                              \
        access((char*)p, sizeof(type), VERB_WRITE, ATOMIC, HERE);                                  \
        return __atomic_exchange_n(p, value, __ATOMIC_RELAXED);                                    \
    }
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

// Called before a whole number is divided by zero (-fsanitize=integer-divide-by-zero): a GPU goes
// on with a number that means nothing, a CPU would end the process.
EXPORT void __ubsan_handle_divrem_overflow(void*, void*, void*)
{
    Fault fault = make_fault(FAULT_TRAP);
    fault.part.code = uint32_t(static_cast<char*>(HERE) - 1 - library_begin);
    strncpy(fault.name, "division by zero", sizeof fault.name - 1);
    report(fault);
    abandon();
}

EXPORT void __tsan_init() {}
EXPORT void __tsan_atomic_thread_fence(int) {}  // orders nothing by itself
EXPORT void __tsan_func_entry(void*) {}
EXPORT void __tsan_func_exit() {}

// Called at every branch (-fsanitize-coverage=trace-pc): a kernel that loops for ever is found
// here.
EXPORT void __sanitizer_cov_trace_pc()
{
    if (!active || !active->current->thread) return;
    bool waits = active->barriers >= MOST_BARRIERS;
    if (++active->current->thread->steps < MOST_STEPS && !waits) return;
    Fault fault = make_fault(FAULT_ENDLESS_LOOP);
    fault.elements = waits ? active->barriers : 0;
    fault.part.code = uint32_t(static_cast<char*>(HERE) - 1 - library_begin);
    report(fault);
    abandon();
}
