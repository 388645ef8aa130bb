// The best paths through many lattices, with automata walked alongside. See lattice.py.
//
// A block does one lattice, node after node from left to right. The hypotheses that arrive at a node,
// one for each arc that ends there, hypothesis kept where it starts, and label, are independent:
// warps share out the arcs, and the lanes of a warp the rest. At each node
//
//   1. every arrival looks its joint state up in a hash table and raises the state's best score;
//   2. of the arrivals that reach this score, the first wins;
//   3. the states are sorted, best score first, and the beam's worth of them is kept.
//
// Two arrivals with the same score are told apart by their number, in the order in which the
// reference meets them, so ties fall as they do there whatever the order in which threads run. Nothing
// is stored for an arrival; whoever needs its score and states again computes them again, which
// costs less than writing and reading them.
//
// Hypotheses, hash tables and the list to be sorted lie in device memory, sized by the caller for the
// worst case; in practice they stay in the L2 cache. Scores are added in double and in the same order
// as on the CPU, so they are equal to the last bit.
//
// Variants: Automata=0; Automata=1; Automata=2; Automata=3

#define NONE 0xffffffffffffffffULL  // no joint state, or no arrival
#define STATES (Automata > 0 ? Automata : 1)

typedef unsigned long long Number;  // of a joint state, an arrival or a rank

__device__ __forceinline__ double minus_infinity() { return -__int_as_float(0x7f800000); }

// A number that is the greater, the greater the score; 0 is less than all.
__device__ __forceinline__ Number in_order(double score)
{
    union { double real; Number bits; } both;
    both.real = score;
    const Number sign = 1ULL << 63;
    return both.bits & sign ? ~both.bits : both.bits | sign;
}

// The slot of a joint state in a hash table of mask + 1 slots, which is claimed if there is none.
__device__ __forceinline__ unsigned find_slot(Number* keys, unsigned mask, Number joint)
{
    unsigned slot = (unsigned)(joint * 0x9E3779B97F4A7C15ULL >> 32) & mask;
    while (true) {
        const Number found = atomicCAS(&keys[slot], NONE, joint);
        if (found == NONE || found == joint)
            return slot;
        slot = (slot + 1) & mask;
    }
}

// Budget: 80 registers
extern "C" __global__ void __launch_bounds__(128, 1)
best_path(const int* first_node,     // [lattices + 1]
          const int* first_arc,      // [nodes + 1]
          const int* start,          // [arcs]
          const int* labels,         // [arcs * choices]
          const double* scores,      // [arcs * choices]
          const float* table_score,  // [rows * columns]
          const int* next_row,       // [rows * columns]
          const int* column,         // [Automata * symbols]
          const int* first_row,      // [Automata]
          const int* emits,          // [known * emitted]
          int lattices, int nodes, int arcs, int choices, int rows, int columns, int symbols,
          int known, int emitted, int beam, int longest,
          unsigned long long joint_states, long long hypotheses, long long slots,
          const long long* first_hypothesis,  // [nodes + 1]
          const long long* first_slot,        // [lattices + 1]
          double* total,                      // [hypotheses]
          int* states,                        // [hypotheses * Automata]
          int* by_arc,                        // [hypotheses]
          int* by_choice,                     // [hypotheses]
          int* parent,                        // [hypotheses]
          int* kept,                          // [nodes]
          unsigned long long* keys,           // [slots]
          unsigned long long* best,           // [slots]
          unsigned long long* earliest,       // [slots]
          unsigned long long* winner,         // [slots]
          int* ranked,                        // [slots]
          int* path_arcs,                     // [lattices * longest]
          int* path_labels,                   // [lattices * longest]
          int* path_length,                   // [lattices]
          double* path_score)                 // [lattices]
{
    __shared__ int found;
    const int lattice = blockIdx.x, origin = first_node[lattice];
    const int last = first_node[lattice + 1] - 1;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
    keys += first_slot[lattice];
    best += first_slot[lattice];
    earliest += first_slot[lattice];
    winner += first_slot[lattice];
    ranked += first_slot[lattice];

    // The score of reading one label of the arc at `place` after the hypothesis of rank `before` where
    // it starts, and the states that this leads to.
    auto arrive = [&](int place, int before, int choice, int* after) {
        const long long from = first_hypothesis[origin + start[place]] + before;
        const Index guess = (Index)place * choices + choice;
        double score = total[from] + scores[guess];
        if (score == minus_infinity())
            return score;
#pragma unroll
        for (int m = 0; m < Automata; ++m)
            after[m] = states[from * Automata + m];
        const int* symbol = emits + (Index)labels[guess] * emitted;
        for (int i = 0; i < emitted && symbol[i] >= 0; ++i)
#pragma unroll
            for (int m = 0; m < Automata; ++m) {
                const Index entry = (Index)after[m] * columns + column[m * symbols + symbol[i]];
                score += table_score[entry];
                after[m] = next_row[entry];
            }
        return score;
    };
    auto numbered = [&](const int* after) {
        Number joint = 0;
#pragma unroll
        for (int m = 0; m < Automata; ++m)
            joint = joint * rows + after[m];
        return joint;
    };

    if (threadIdx.x == 0) {
        const long long only = first_hypothesis[origin];
        total[only] = 0;
        by_arc[only] = by_choice[only] = parent[only] = -1;
        for (int m = 0; m < Automata; ++m)
            states[only * Automata + m] = first_row[m];
        kept[origin] = 1;
    }
    __syncthreads();

    for (int node = origin + 1; node <= last; ++node) {
        const int first = first_arc[node], end = first_arc[node + 1];
        Number arrivals = 0;
        for (int place = first; place < end; ++place)
            arrivals += (Number)kept[origin + start[place]] * choices;
        const Number most = min(arrivals, joint_states);
        unsigned size = 16;
        while (size < 2 * most)
            size *= 2;
        for (unsigned slot = threadIdx.x; slot < size; slot += blockDim.x) {
            keys[slot] = earliest[slot] = winner[slot] = NONE;
            best[slot] = 0;
        }
        if (threadIdx.x == 0)
            found = 0;
        __syncthreads();

        for (int pass = 0; pass < 2; ++pass) {
            for (int place = first + warp; place < end; place += warps) {
                const int here = kept[origin + start[place]] * choices;
                for (int item = lane; item < here; item += 32) {
                    int after[STATES];
                    const double score = arrive(place, item / choices, item % choices, after);
                    if (score == minus_infinity())
                        continue;
                    const Number arrival = (Number)(place - first) << 32 | (Number)item;
                    const unsigned slot = find_slot(keys, size - 1, numbered(after));
                    if (pass == 0) {
                        atomicMax(&best[slot], in_order(score));
                        atomicMin(&earliest[slot], arrival);
                    } else if (best[slot] == in_order(score)) {
                        atomicMin(&winner[slot], arrival);
                    }
                }
            }
            __syncthreads();
        }

        for (unsigned slot = threadIdx.x; slot < size; slot += blockDim.x)
            if (keys[slot] != NONE)
                ranked[atomicAdd(&found, 1)] = slot;
        __syncthreads();

        // Bitonic sort: log2(n) (log2(n) + 1) / 2 rounds of n / 2 independent exchanges. Slots come in
        // no certain order, but no two compare equal.
        unsigned padded = 1;
        while (padded < (unsigned)found)
            padded *= 2;
        for (unsigned i = found + threadIdx.x; i < padded; i += blockDim.x)
            ranked[i] = -1;
        __syncthreads();
        for (unsigned width = 2; width <= padded; width *= 2)
            for (unsigned step = width / 2; step > 0; step /= 2) {
                for (unsigned i = threadIdx.x; i < padded; i += blockDim.x) {
                    const unsigned j = i ^ step;
                    if (j < i)
                        continue;
                    const int one = ranked[i], other = ranked[j];
                    bool wrong = one < 0 && other >= 0;  // places that are not used come last
                    if (one >= 0 && other >= 0)
                        wrong = best[other] > best[one] ||
                                (best[other] == best[one] && earliest[other] < earliest[one]);
                    if (one != other && wrong == ((i & width) == 0)) {
                        ranked[i] = other;
                        ranked[j] = one;
                    }
                }
                __syncthreads();
            }

        const int keeping = min(found, beam);
        for (int rank = threadIdx.x; rank < keeping; rank += blockDim.x) {
            const Number arrival = winner[ranked[rank]];
            const int place = first + (int)(arrival >> 32), item = (int)(arrival & 0xffffffffULL);
            const long long hypothesis = first_hypothesis[node] + rank;
            int after[STATES];
            total[hypothesis] = arrive(place, item / choices, item % choices, after);
            for (int m = 0; m < Automata; ++m)
                states[hypothesis * Automata + m] = after[m];
            by_arc[hypothesis] = place;
            by_choice[hypothesis] = item % choices;
            parent[hypothesis] = item / choices;
        }
        if (threadIdx.x == 0)
            kept[node] = keeping;
        __syncthreads();
    }

    // Walk back from the best hypothesis of the last node: once for the length, once to write.
    if (threadIdx.x != 0)
        return;
    path_length[lattice] = -1;
    path_score[lattice] = minus_infinity();
    if (kept[last] == 0)
        return;
    const long long final = first_hypothesis[last];
    int length = 0;
    for (long long at = final; by_arc[at] >= 0; ++length)
        at = first_hypothesis[origin + start[by_arc[at]]] + parent[at];
    path_length[lattice] = length;
    path_score[lattice] = total[final];
    for (long long at = final; by_arc[at] >= 0;) {
        const int place = by_arc[at];
        --length;
        path_arcs[(Index)lattice * longest + length] = place;
        path_labels[(Index)lattice * longest + length] =
            labels[(Index)place * choices + by_choice[at]];
        at = first_hypothesis[origin + start[place]] + parent[at];
    }
}
