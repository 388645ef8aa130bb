// Counts what the memory of a GPU would be asked for.
//
// A GPU loads and stores for a whole warp at once: one instruction of 32 lanes is one request. Here
// the lanes run one after the other, so a request is put together afterwards, from the accesses
// that the lanes of a warp make by the same instruction for the same time (the first, second,
// third... time since the block began).
//
// Global memory is moved in sectors of 32 bytes: a request costs the number of different sectors
// its lanes touch. Shared memory has 32 banks of 4-byte words: word w lies in bank w mod 32, and
// each bank delivers one word at a time, to any number of lanes. A request costs as many wavefronts
// as the most words any one bank must deliver. Accesses of 8 and 16 bytes are served to half and
// quarter warps in turn, since no more than 128 bytes are delivered at once.
//
// This is a model of the traffic that the kernel asks for. Caches are not in it.
#include "runtime.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr uint64_t SECTOR = 32, BANKS = 32, WORD = 4;

// One lane's access.
struct Sample {
    uint32_t code;
    uint16_t warp, lane;
    uint32_t time;  // how often this thread had come to this instruction
    uint32_t bytes;
    uint64_t address;
    bool shared;
    int verb;

    auto request() const { return std::tie(code, shared, verb, bytes, warp, time); }
};

// What one instruction has cost. Mirrored in profile.py.
struct Cost {
    uint32_t code, bytes;
    int32_t shared, verb;
    uint64_t requests, accesses;
    uint64_t transactions, ideal;  // sectors or wavefronts
    uint64_t contention;           // most atomic operations on one address
};

std::vector<Sample> samples;                         // of the running block
std::unordered_map<uint64_t, uint32_t> times;        // (thread, code) -> how often so far
std::map<std::tuple<uint32_t, bool, int, uint32_t>, Cost> costs;

// How many atomic operations an instruction makes on each address: (code, address) -> number. Every
// block has shared memory of its own, so that count starts again with each.
using Updates = std::map<std::pair<uint32_t, uint64_t>, uint64_t>;
Updates global_updates, shared_updates;
std::map<uint32_t, uint64_t> contention;  // code -> the most of them on one address
std::vector<Cost> listed;

void note_contention(const Updates& updates)
{
    for (const auto& [key, number] : updates) {
        uint64_t& most = contention[key.first];
        most = std::max(most, number);
    }
}

uint64_t count_distinct(std::vector<uint64_t>& values)
{
    std::sort(values.begin(), values.end());
    return std::unique(values.begin(), values.end()) - values.begin();
}

// The sectors of a request, and the fewest that could hold the bytes it touches.
void add_global(Cost& cost, const Sample* begin, const Sample* end)
{
    std::vector<uint64_t> sectors, bytes;
    for (const Sample* s = begin; s != end; ++s) {
        for (uint64_t at = s->address / SECTOR; at <= (s->address + s->bytes - 1) / SECTOR; ++at)
            sectors.push_back(at);
        for (uint64_t at = s->address; at < s->address + s->bytes; ++at) bytes.push_back(at);
    }
    cost.transactions += count_distinct(sectors);
    cost.ideal += (count_distinct(bytes) + SECTOR - 1) / SECTOR;
}

// The wavefronts of a request, and how many there would be without bank conflicts.
void add_shared(Cost& cost, const Sample* begin, const Sample* end)
{
    unsigned lanes_at_once = begin->bytes >= 16 ? 8 : begin->bytes >= 8 ? 16 : 32;
    for (const Sample* s = begin; s != end;) {
        unsigned group = s->lane / lanes_at_once;
        std::vector<uint64_t> words;
        for (; s != end && s->lane / lanes_at_once == group; ++s)
            for (uint64_t at = s->address / WORD; at <= (s->address + s->bytes - 1) / WORD; ++at)
                words.push_back(at);
        words.resize(count_distinct(words));
        uint64_t of_bank[BANKS] = {};
        for (uint64_t word : words) ++of_bank[word % BANKS];
        cost.transactions += *std::max_element(of_bank, of_bank + BANKS);
        cost.ideal += 1;
    }
}

}  // namespace

void profiler::begin_launch()
{
    samples.clear();
    times.clear();
    costs.clear();
    global_updates.clear();
    shared_updates.clear();
    contention.clear();
}

void profiler::record(uint32_t code, uint64_t address, unsigned bytes, bool shared, Verb verb)
{
    const Thread& thread = *active->current->thread;
    uint32_t time = times[uint64_t(thread.number) << 32 | code]++;
    samples.push_back({code, uint16_t(thread.warp()), uint16_t(thread.lane()), time, bytes, address,
                       shared, verb});
    if (verb == VERB_UPDATE) ++(shared ? shared_updates : global_updates)[{code, address}];
}

void profiler::end_block()
{
    std::stable_sort(samples.begin(), samples.end(), [](const Sample& a, const Sample& b) {
        return std::make_tuple(a.request(), a.lane) < std::make_tuple(b.request(), b.lane);
    });
    const Sample* end = samples.data() + samples.size();
    for (const Sample* first = samples.data(); first != end;) {
        const Sample* last = first;
        while (last != end && last->request() == first->request()) ++last;
        Cost& cost = costs[{first->code, first->shared, first->verb, first->bytes}];
        cost.code = first->code;
        cost.bytes = first->bytes;
        cost.shared = first->shared;
        cost.verb = first->verb;
        cost.requests += 1;
        cost.accesses += last - first;
        (first->shared ? add_shared : add_global)(cost, first, last);
        first = last;
    }
    note_contention(shared_updates);
    samples.clear();
    times.clear();
    shared_updates.clear();
}

// The costs of the last launch, one for each instruction.
EXPORT const Cost* emulator_costs(size_t* count)
{
    note_contention(global_updates);
    listed.clear();
    for (auto& [key, cost] : costs) {
        if (cost.verb == VERB_UPDATE) cost.contention = contention[cost.code];
        listed.push_back(cost);
    }
    *count = listed.size();
    return listed.data();
}
